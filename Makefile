# Thin: each target says in one line what it does. `make demo` and `make test` need root (or sudo).
TOX := .venv/bin/tox

.PHONY: help demo test build clean

help:            ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: .venv/ready ## Build the charm, bring the lab up, and show multipath I/O over two gateways
	$(TOX) -q -e build,demo

test: .venv/ready ## Lint, unit tests, charm build and proof, functional tests in the lab
	$(TOX) -e pep8,py3,build,func

build: .venv/ready ## Build the charm into build/ceph-iscsi
	$(TOX) -q -e build

clean:           ## Remove what was built here; `lab/juju-lab lab destroy` removes a running lab
	rm -rf build .tox .venv

.venv/ready: lab/bootstrap test-requirements.txt
	lab/bootstrap
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement test-requirements.txt
	touch $@
