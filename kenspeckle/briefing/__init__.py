"""All that is known of a finished run, gathered into one record from which its page is made."""
