// Facts are bounded for any report, and a machine with odd firmware can still report.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DISKS_MAX, FACT_TEXT_MAX, NICS_MAX, parseHardwareFacts } from '../../../src/region/records/hardware-facts.ts';

const WHOLE = {
  version: 1,
  purpose: 'enlist',
  boot_mac: '52:54:00:aa:00:01',
  nics: [{ name: 'eth0', mac: '52:54:00:aa:00:01', driver: 'e1000', carrier: true, operstate: 'up', speed: 1000 }],
  cpu: { count: 2, model: 'QEMU Virtual CPU version 2.5+' },
  memory_mib: 1024,
  disks: [{ name: 'vda', bytes: 8_589_934_592, model: '', serial: 'DISK001', rotational: true }],
  dmi: { vendor: 'QEMU', product: 'Standard PC', serial: 'SN123', uuid: '0fd4c0a2-2c4e-4a3c-9a3b-000000000001' },
  virtualization: 'qemu',
  uefi: false,
  kernel: '6.1.0-50-amd64',
  uptime: 12.3,
};

function parsed(value: unknown) {
  const result = parseHardwareFacts(JSON.stringify(value));
  if (result.kind === 'fault') throw new Error(result.problems.map((one) => one.text).join('; '));
  return result.value;
}

test('a switch is read in each form that sysfs and shells write', () => {
  const read = (uefi: unknown): unknown => parsed({ uefi }).uefi;
  for (const on of [true, 1, '1', 'true']) assert.equal(read(on), true, JSON.stringify(on));
  for (const off of [false, 0, '0', 'false']) assert.equal(read(off), false, JSON.stringify(off));
  for (const unknown of [null, '', undefined]) assert.equal(read(unknown), undefined);
});

test('the agent’s values are kept, and unknown ones are empty', () => {
  const value = parsed(WHOLE);
  assert.equal(value.cpu.count, 2);
  assert.equal(value.memory_mib, 1024);
  assert.deepEqual(value.disks[0], WHOLE.disks[0]);
  assert.deepEqual(value.nics[0], WHOLE.nics[0]);
  assert.equal(value.dmi.board_serial, '');
  assert.equal(value.uefi, false);
  assert.ok(!('purpose' in value));
  assert.deepEqual(parsed({}).disks, []);
  assert.equal(parsed({ nics: [{ mac: '52-54-00-aa-00-01', carrier: null, speed: -1 }] }).nics[0]?.speed, 0);
  assert.equal(parsed({ disks: [{ name: 'sda', bytes: 1, rotational: '0' }] }).disks[0]?.rotational, false);
});

test('text is cleaned and cut, not refused', () => {
  const value = parsed({
    ...WHOLE,
    dmi: { serial: 'A\u0000B\u001b[31m\ufffd  C', vendor: 'x'.repeat(1000), product: null },
  });
  assert.equal(value.dmi.serial, 'A B\\x1b[31m C');
  assert.equal(value.dmi.vendor.length, FACT_TEXT_MAX);
  assert.equal(value.dmi.product, '');
});

const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ['another version', { version: 2 }, /version/],
  ['a broken address', { nics: [{ mac: 'zz' }] }, /nics\.0\.mac/],
  ['too many interfaces', { nics: Array(NICS_MAX + 1).fill({ mac: '52:54:00:aa:00:01' }) }, /nics/],
  ['too many disks', { disks: Array(DISKS_MAX + 1).fill({ bytes: 1 }) }, /disks/],
  ['a negative size', { disks: [{ bytes: -1 }] }, /disks\.0\.bytes/],
  ['a size that is not a number', { memory_mib: '12' }, /memory_mib/],
  ['a size beyond exact numbers', { disks: [{ bytes: 1e300 }] }, /bytes/],
  ['text beyond all bounds', { kernel: 'x'.repeat(5000) }, /kernel/],
  ['a list', [], /hardware_facts/],
  ['nothing', null, /hardware_facts/],
];

for (const [name, value, problem] of REFUSED) {
  test(`facts with ${name} are refused with their path`, () => {
    const result = parseHardwareFacts(JSON.stringify(value));
    assert.equal(result.kind, 'fault');
    assert.match(result.kind === 'fault' ? result.problems.map((one) => one.text).join('\n') : '', problem);
  });
}

test('a problem of facts begins with its path', () => {
  const result = parseHardwareFacts(JSON.stringify({ nics: [{ mac: 'zz' }], kernel: 7 }));
  assert.ok(result.kind === 'fault');
  assert.deepEqual(
    result.problems.map((one) => one.text),
    ['nics.0.mac: is not a hardware address', 'kernel: Invalid input: expected string, received number'],
  );
});

test('text that is not JSON, truncated or nested too deep is refused', () => {
  const whole = JSON.stringify(WHOLE);
  for (let length = 0; length < whole.length; length += 1) {
    assert.equal(parseHardwareFacts(whole.slice(0, length)).kind, 'fault');
  }
  assert.equal(parseHardwareFacts(`${whole}x`).kind, 'fault');
  assert.equal(parseHardwareFacts('['.repeat(200_000)).kind, 'fault');
  assert.equal(parseHardwareFacts(`{"dmi":${'{"a":'.repeat(50)}1${'}'.repeat(51)}`).kind, 'fault');
});

test('names of prototype properties are not facts', () => {
  const value = parseHardwareFacts('{"__proto__":{"memory_mib":7},"constructor":1,"memory_mib":5}');
  assert.equal(value.kind === 'value' && value.value.memory_mib, 5);
});

test('facts of another version are refused for their version, with the remedy, whatever else they hold', () => {
  for (const [version, remedy] of [
    [2, /speaks version 2, this region version 1: upgrade the region/],
    [0, /speaks version 0, this region version 1: rebuild the environment/],
  ] as const) {
    const parsed = parseHardwareFacts(JSON.stringify({ version, nics: 'of another form' }));
    assert.ok(parsed.kind === 'fault');
    assert.equal(parsed.problems.length, 1);
    const [problem] = parsed.problems.map((one) => one.text);
    assert.match(problem ?? '', remedy);
    assert.ok((problem ?? '').length <= 160, 'the machine shows the whole line');
  }
});
