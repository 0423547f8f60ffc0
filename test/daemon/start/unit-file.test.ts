// The systemd units on a host with only Debian's base system.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Programs of packages that every Debian system has. */
const ALWAYS_THERE = new Set(['/usr/bin/env', '/bin/sh']);

for (const service of ['rackboot', 'rackboot-region']) {
  const unit = readFileSync(join(ROOT, 'systemd', `${service}.service`), 'utf8');

  test(`the journal lines of ${service} have the name of the service, not of the starting program`, () => {
    assert.match(unit, new RegExp(`^SyslogIdentifier=${service}$`, 'm'));
  });

  test(`the commands of ${service} exist on every host`, () => {
    const programs = [...unit.matchAll(/^Exec\w+=-?(\S+)/gm)].map(([, program = '']) => program);
    assert.ok(programs.length >= 3);
    assert.deepEqual(
      programs.filter((program) => !ALWAYS_THERE.has(program)),
      [],
    );
  });

  test(`the documentation of ${service} is a file of the checkout, at the path in docs/first-machine.md`, () => {
    const file = /^Documentation=file:\/\/\/opt\/rackboot\/(\S+)$/m.exec(unit)?.[1] ?? assert.fail(unit);
    assert.ok(existsSync(join(ROOT, file)));
    assert.match(readFileSync(join(ROOT, 'docs', 'first-machine.md'), 'utf8'), /git clone \S+ \/opt\/rackboot/);
  });
}

test('the unit of the region has fewer rights than that of a rack, and a state directory of its own', () => {
  const unit = readFileSync(join(ROOT, 'systemd', 'rackboot-region.service'), 'utf8');
  assert.match(unit, /^CapabilityBoundingSet=CAP_NET_BIND_SERVICE$/m);
  assert.match(unit, /^AmbientCapabilities=CAP_NET_BIND_SERVICE$/m);
  assert.match(unit, /^StateDirectory=rackboot-region$/m);
  assert.doesNotMatch(unit, /^RestrictAddressFamilies=.*AF_PACKET/m);
});
