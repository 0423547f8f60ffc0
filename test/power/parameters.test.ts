// The parameters of each driver: MAAS's names, and refused values.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDriver, POWER_DRIVERS } from '../../src/power/drivers.ts';
import { splitAddress } from '../../src/power/ipmi.ts';
import type { PowerValues } from '../../src/power/parameters.ts';
import { words } from '../../src/region/page/frame/words.ts';
import { isReportable } from '../../src/region/records/power-parameters.ts';
import { problemText } from '../../src/region/records/power-words.ts';
import { surroundings } from './surroundings.ts';

const IPMI: PowerValues = { power_address: '10.0.0.5' };
const VIRSH: PowerValues = { power_address: 'qemu+ssh://root@10.0.0.6/system', power_id: 'one' };
const WEBHOOK: PowerValues = {
  power_on_uri: 'http://10.0.0.7/on',
  power_off_uri: 'http://10.0.0.7/off',
  power_query_uri: 'http://10.0.0.7:8000/state',
};

test('each driver is found by its name, a person switches with one of them only, and nothing else is a driver', () => {
  for (const driver of POWER_DRIVERS) assert.equal(findDriver(driver.name), driver);
  assert.deepEqual(
    POWER_DRIVERS.filter(({ switches }) => switches === 'nothing').map(({ name }) => name),
    ['manual'],
  );
  assert.equal(findDriver('ether_wake'), undefined);
  assert.equal(findDriver('constructor'), undefined);
});

test('the parameters of a driver are listed with the facts for a form', () => {
  const ipmi = findDriver('ipmi')?.parameters ?? [];
  assert.deepEqual(
    ipmi.filter(({ secret }) => secret).map(({ name }) => name),
    ['power_pass', 'k_g'],
  );
  assert.deepEqual(
    ipmi.find(({ name }) => name === 'power_driver'),
    {
      name: 'power_driver',
      required: false,
      secret: false,
      choices: ['LAN_2_0', 'LAN'],
      default: 'LAN_2_0',
    },
  );
  const webhook = findDriver('webhook')?.parameters ?? [];
  assert.deepEqual(
    webhook.filter(({ required }) => required).map(({ name }) => name),
    ['power_on_uri', 'power_off_uri', 'power_query_uri'],
  );
  assert.deepEqual(
    webhook.filter(({ secret }) => secret).map(({ name }) => name),
    ['power_pass', 'power_token'],
  );
});

const CONTROLLERS: readonly (readonly [driver: string, values: PowerValues, controller: string])[] = [
  ['manual', {}, 'manual abc'],
  ['ipmi', IPMI, 'ipmi 10.0.0.5:623'],
  ['ipmi', { power_address: 'BMC-7:6230' }, 'ipmi bmc-7:6230'],
  ['ipmi', { power_address: '[fd00::5]:6230' }, 'ipmi fd00::5:6230'],
  ['ipmi', { power_address: 'fd00::5' }, 'ipmi fd00::5:623'],
  ['ipmi', { ...IPMI, power_pass: '', power_user: ' ', k_g: '' }, 'ipmi 10.0.0.5:623'],
  ['ipmi', { ...IPMI, cipher_suite_id: 17, mac_address: '52:54:00:00:00:01' }, 'ipmi 10.0.0.5:623'],
  ['virsh', VIRSH, 'virsh qemu+ssh://root@10.0.0.6/system'],
  ['webhook', WEBHOOK, 'webhook 10.0.0.7:8000'],
];
for (const [driver, values, controller] of CONTROLLERS) {
  test(`${driver} with ${JSON.stringify(values)} asks ${controller}`, () => {
    const opened = findDriver(driver)?.open('abc', values, surroundings());
    assert.equal(opened?.kind === 'open' ? opened.port.controller : opened, controller);
  });
}

test('every driver and parameter has words for people', () => {
  for (const { name: driver, parameters } of POWER_DRIVERS) {
    const remedy = 'add words to src/region/records/power-words.ts';
    assert.notEqual(words.power.driver(driver), driver, `driver ${driver}: ${remedy}`);
    for (const { name } of parameters)
      assert.notEqual(
        words.power.parameter(driver, name).label,
        name,
        `driver ${driver}, parameter ${name}: ${remedy}`,
      );
  }
});

test('a problem is plain values, of which a language makes a sentence', () => {
  const problemsOf = (driver: string, values: PowerValues) => {
    const opened = findDriver(driver)?.open('abc', values, surroundings());
    return opened?.kind === 'bad-parameters' ? opened.problems : assert.fail();
  };
  assert.deepEqual(problemsOf('ipmi', { power_address: '10.0.0.5:70000' }), [
    { driver: 'ipmi', parameter: 'power_address', fault: { kind: 'invalid' } },
  ]);
  assert.deepEqual(problemsOf('manual', { power_address: 'x' }), [
    { driver: 'manual', parameter: 'power_address', fault: { kind: 'unknown', known: [], meant: [] } },
  ]);
  assert.deepEqual(problemsOf('ipmi', { ...IPMI, power_driver: 'LAN_3' }), [
    { driver: 'ipmi', parameter: 'power_driver', fault: { kind: 'invalid', choices: ['LAN_2_0', 'LAN'] } },
  ]);
});

/** Values at and beyond the bounds of parameters. */
const VALUES: readonly PowerValues[string][] = [
  '',
  ' ',
  'maas',
  'a b',
  'ä',
  'x'.repeat(16),
  'x'.repeat(17),
  'x'.repeat(20),
  'x'.repeat(21),
  'x'.repeat(64),
  0,
  3,
  17,
  18,
  '17',
  '017',
  '99999',
  4.5,
  true,
  'LAN',
  'LAN_2_0',
  'LAN_3',
  'auto',
  'legacy',
  'efi',
  'USER',
  'OPERATOR',
  'ADMIN',
  'user',
  'ADMINISTRATOR',
  'soft',
  'hard',
  '52:54:00:00:00:01',
  '52-54-00-00-00-01',
  '525400000001',
  '5254.0000.0001',
  '10.0.0.5',
  '10.0.0.5:623',
  '10.0.0.256',
  'fd00::5',
  '::',
  '[fd00::5]',
  'bmc-7',
  'cafe:623',
  'cafe:0',
  'http://10.0.0.7/on',
  'qemu:///system',
  '-oProxy',
  'a'.repeat(1024),
];
const VALID: Readonly<Record<string, PowerValues>> = {
  manual: {},
  wakeonlan: { mac_address: '52:54:00:00:00:01' },
  ipmi: IPMI,
  virsh: VIRSH,
  webhook: WEBHOOK,
};

test('a machine may propose the values of a field that its driver accepts, and for an address numbers only', () => {
  const proposable: string[] = [];
  for (const { name: driver, parameters, open } of POWER_DRIVERS) {
    for (const { name: field } of parameters) {
      const proposed = VALUES.filter((value) => isReportable(driver, { [field]: value }));
      if (proposed.length > 0) proposable.push(`${driver} ${field}`);
      const accepted = VALUES.filter(
        (value) => open('abc', { ...VALID[driver], [field]: value }, surroundings()).kind === 'open',
      );
      if (field === 'power_address') {
        assert.deepEqual(proposed, driver === 'ipmi' ? ['52:54:00:00:00:01', '10.0.0.5', 'fd00::5', '::'] : []);
        assert.deepEqual(
          proposed.filter((value) => !accepted.includes(value)),
          [],
        );
        for (const value of proposed) assert.equal(splitAddress(String(value)).host, value, 'no part of it is a name');
      } else if (proposed.length > 0) assert.deepEqual(proposed, accepted, `${driver} ${field}`);
    }
  }
  assert.deepEqual(proposable, [
    'wakeonlan mac_address',
    'ipmi power_address',
    'ipmi power_user',
    'ipmi power_pass',
    'ipmi power_driver',
    'ipmi power_boot_type',
    'ipmi cipher_suite_id',
    'ipmi privilege_level',
    'ipmi k_g',
    'ipmi mac_address',
  ]);
});

const REFUSED: readonly (readonly [name: string, driver: string, values: PowerValues, problem: RegExp])[] = [
  ['a missing address', 'ipmi', {}, /^power_address: is missing; give an address or a name/],
  ['an option instead of an address', 'ipmi', { power_address: '-oProxy' }, /^power_address: is invalid/],
  ['a space in an address', 'ipmi', { power_address: '10.0.0.5 -v' }, /^power_address: is invalid/],
  [
    'an impossible port',
    'ipmi',
    { power_address: '10.0.0.5:70000' },
    /^power_address: is invalid; give an address or a name, and a port[^;]*$/,
  ],
  [
    'a typo in a name',
    'ipmi',
    { ...IPMI, power_adress: 'x' },
    /^power_adress: not a parameter of this driver.*; did you mean power_address\?$/,
  ],
  ['another protocol', 'ipmi', { ...IPMI, power_driver: 'LAN_3' }, /one of LAN_2_0, LAN/],
  ['a user with a newline', 'ipmi', { ...IPMI, power_user: 'a\nb' }, /^power_user: is invalid/],
  ['a password that is too long', 'ipmi', { ...IPMI, power_pass: 'p'.repeat(21) }, /^power_pass: is invalid/],
  ['a machine without a name', 'virsh', { ...VIRSH, power_id: '' }, /^power_id: is missing/],
  ['a slash in a machine’s name', 'virsh', { ...VIRSH, power_id: 'a/b' }, /^power_id: is invalid/],
  [
    'a password for anything but SSH',
    'virsh',
    { ...VIRSH, power_address: 'qemu:///system', power_pass: 'hunter2' },
    /^power_pass: .*qemu\+ssh/,
  ],
  ['a password with a newline', 'virsh', { ...VIRSH, power_pass: 'hunter2\nx' }, /^power_pass: /],
  ['another scheme', 'webhook', { ...WEBHOOK, power_on_uri: 'file:///etc/passwd' }, /^power_on_uri: is invalid/],
  ['a long repetition', 'webhook', { ...WEBHOOK, power_on_regex: '(.*){1000}' }, /^power_on_regex: is invalid/],
  ['a user in a URL', 'webhook', { ...WEBHOOK, power_on_uri: 'http://u:hunter2@h/' }, /^power_on_uri: is invalid/],
  ['a broken expression', 'webhook', { ...WEBHOOK, power_on_regex: '(' }, /^power_on_regex: is invalid/],
  ['an expression that is too long', 'webhook', { ...WEBHOOK, power_on_regex: 'a'.repeat(513) }, /^power_on_regex/],
  ['a token with a newline', 'webhook', { ...WEBHOOK, power_token: 'a\r\nHost: b' }, /^power_token: is invalid/],
  ['anything for manual', 'manual', { power_address: 'x' }, /which has none/],
];
for (const [name, driver, values, problem] of REFUSED) {
  test(`${driver} refuses ${name}, and quotes no secret`, () => {
    const opened = findDriver(driver)?.open('abc', values, surroundings());
    assert.equal(opened?.kind, 'bad-parameters');
    const problems = opened.kind === 'bad-parameters' ? opened.problems.map(problemText).join('\n') : '';
    assert.match(problems, problem);
    assert.doesNotMatch(problems, /hunter2|pppp/);
  });
}
