.PHONY: demo test check bench clean

demo:   ## train on the bundled MNIST, test the result, and use it on a picture
	scripts/demo

test:   ## run the tests
	scripts/test

check:  ## format, lint, types, layers, unsafe calls
	scripts/check

bench:  ## measure accuracy and speed (benchmarks/RESULTS.md)
	scripts/bench

clean:  ## remove the environment and caches, not your runs
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
