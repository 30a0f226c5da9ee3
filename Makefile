# The shorter tasks; script/test runs them all.
PY = .venv/bin/python

.PHONY: up test lint types fast lock docs
up:     ; script/up
test:   ; script/test
lint:   ; .venv/bin/ruff check . && .venv/bin/ruff format --check .
types:  ; .venv/bin/mypy src sdk/src demo/src
fast:   ; $(PY) -m pytest -m "not stack and not e2e"
lock:   ; script/lock
docs:   ; script/docs
