// The systemd unit on a host with only Debian's base system.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const UNIT = readFileSync(join(ROOT, 'systemd', 'rackboot.service'), 'utf8');
/** Programs of packages that every Debian system has. */
const ALWAYS_THERE = new Set(['/usr/bin/env', '/bin/sh']);

test('its journal lines have the name of the service, not of the starting program', () => {
  assert.match(UNIT, /^SyslogIdentifier=rackboot$/m);
});

test('its commands exist on every host', () => {
  const programs = [...UNIT.matchAll(/^Exec\w+=-?(\S+)/gm)].map(([, program = '']) => program);
  assert.ok(programs.length >= 3);
  assert.deepEqual(
    programs.filter((program) => !ALWAYS_THERE.has(program)),
    [],
  );
});

test('its documentation is a file of the checkout, at the path in docs/first-machine.md', () => {
  const file = /^Documentation=file:\/\/\/opt\/rackboot\/(\S+)$/m.exec(UNIT)?.[1] ?? assert.fail(UNIT);
  assert.ok(existsSync(join(ROOT, file)));
  assert.match(readFileSync(join(ROOT, 'docs', 'first-machine.md'), 'utf8'), /git clone \S+ \/opt\/rackboot/);
});
