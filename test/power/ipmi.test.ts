// How ipmitool is called, and what its output means. The output is that of ipmitool 1.8.19 (Debian 12) with ipmi_sim 1.0.13 of OpenIPMI,
// behind a relay that drops datagrams where an answer is lost. Output marked * is composed from ipmitool's messages and tables of codes,
// which ipmi_sim never sends; output marked † is of real BMCs, from public reports: openbmc#1812 (lost RAKP 1), openbmc#1429 (late RAKP 2),
// ipmitool#53 (illegal parameter), ipmitool#350 (cipher suite), bmclib#382 (a Dell that is off already).

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { findDriver } from '../../src/power/drivers.ts';
import { ipmitoolInvocation, judgeIpmitool, splitAddress } from '../../src/power/ipmi.ts';
import type { PowerOutcomeKind, PowerState } from '../../src/power/outcome.ts';
import type { PowerValues } from '../../src/power/parameters.ts';
import type { ProgramEnd } from '../../src/power/program.ts';
import { textOf } from '../support/sentences.ts';

const SURROUNDINGS = { clock: systemClock, sshIdentity: () => Promise.reject(new Error('no key here')) };
const SETTINGS = {
  power_address: '10.0.0.5',
  power_driver: 'LAN_2_0',
  power_boot_type: 'auto',
  power_off_mode: 'soft',
  privilege_level: 'OPERATOR',
} as const;

test('neither password nor key is among the arguments', () => {
  const { args, environment } = ipmitoolInvocation(
    { ...SETTINGS, power_user: 'maas', power_pass: 'hunter2', k_g: 'k3y' },
    '17',
  );
  assert.equal(args.join(' '), '-v -I lanplus -H 10.0.0.5 -p 623 -U maas -E -L OPERATOR -N 1 -R 3 -C 17 -K');
  assert.deepEqual(environment, { IPMI_PASSWORD: 'hunter2', IPMI_KGKEY: 'k3y' });
});

test('IPMI 1.5 has no cipher suite and no key', () => {
  const old = { ...SETTINGS, power_driver: 'LAN', k_g: 'k3y', privilege_level: 'ADMIN' } as const;
  const { args, environment } = ipmitoolInvocation(old, '3');
  assert.equal(args.join(' '), '-v -I lan -H 10.0.0.5 -p 623 -U  -E -L ADMINISTRATOR -N 1 -R 3');
  assert.deepEqual(environment, { IPMI_PASSWORD: '' });
});

/** What BMCs that lack a suite answer to the request to open a session (IPMI v2.0 table 13-15). */
const NO_SUITE = [
  'no matching cipher suite',
  'invalid authentication algorithm',
  'invalid integrity algorithm',
  'invalid confidentiality algorithm',
  'illegal parameter',
  'Unknown (0x15)',
];

/** Runs `work` with a program in the place of ipmitool. @returns the suites with which it was asked */
async function suitesAsked(script: string, work: () => Promise<void>): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-ipmitool-'));
  const path = process.env.PATH;
  try {
    writeFileSync(
      join(directory, 'ipmitool'),
      `#!/bin/sh
for word; do [ "$before" = -C ] && suite=$word; before=$word; done
echo "$suite" >> ${directory}/asked
${script}`,
      { mode: 0o755 },
    );
    process.env.PATH = `${directory}:${path}`;
    await work();
    return readFileSync(join(directory, 'asked'), 'utf8').trim().split('\n');
  } finally {
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  }
}

/** An ipmitool before a BMC that knows this suite alone. */
const bmcOf = (suite: string, complaint: string): string =>
  `[ "$suite" = ${suite} ] && echo "Chassis Power is on" && exit 0
printf 'Error in open session response message : ${complaint}\\n\\nError: Unable to establish IPMI v2 / RMCP+ session\\n' >&2; exit 1`;

async function query(more: PowerValues = {}) {
  const values = { power_address: '10.0.0.5', power_user: 'maas', power_pass: 'x', ...more };
  const opened = findDriver('ipmi')?.open('abc', values, SURROUNDINGS);
  assert.ok(opened?.kind === 'open');
  return await opened.port.query(new AbortController().signal);
}

test('without a suite in its settings a BMC is asked with 3, and with 17 if it lacks that', async () => {
  for (const [suite, expected] of [
    ['3', ['3']],
    ['17', ['3', '17']],
  ] as const)
    for (const complaint of NO_SUITE) {
      const asked = await suitesAsked(bmcOf(suite, complaint), async () => {
        const { kind, state } = await query();
        assert.deepEqual([kind, state], ['done', 'on'], complaint);
      });
      assert.deepEqual(asked, expected, complaint);
    }
});

test('a BMC that lacks both says so, and one that has another complaint is asked once', async () => {
  const none = await suitesAsked(bmcOf('8', 'no matching cipher suite'), async () =>
    assert.match(textOf(await query()), /^the BMC does not know this cipher suite/),
  );
  assert.deepEqual(none, ['3', '17']);
  for (const complaint of ['unauthorized role or privilege level requested', 'insufficient resources for session'])
    assert.deepEqual(
      await suitesAsked(bmcOf('17', complaint), async () => assert.notEqual((await query()).kind, 'done')),
      ['3'],
    );
});

test('a suite in the settings is the only one', async () => {
  const asked = await suitesAsked(bmcOf('17', 'no matching cipher suite'), async () =>
    assert.equal((await query({ cipher_suite_id: '3' })).kind, 'refused'),
  );
  assert.deepEqual(asked, ['3']);
});

const ADDRESSES: readonly (readonly [string, string, number])[] = [
  ['10.0.0.5', '10.0.0.5', 623],
  ['10.0.0.5:6230', '10.0.0.5', 6230],
  ['bmc-7.lan:1', 'bmc-7.lan', 1],
  ['fd00::5', 'fd00::5', 623],
  ['[fd00::5]', 'fd00::5', 623],
  ['[fd00::5]:6230', 'fd00::5', 6230],
];
for (const [address, host, port] of ADDRESSES) {
  test(`${address} is ${host} at port ${port}`, () => assert.deepEqual(splitAddress(address), { host, port }));
}

const HEAD = 'Loading IANA PEN Registry...\n';
const VERBOSE = `${HEAD}Running Get VSO Capabilities my_addr 0x20, transit 0, target 0x20\nInvalid completion code received: Invalid command\nDiscovered IPMB address 0x0\n`;
const NO_SESSION = 'Error: Unable to establish IPMI v2 / RMCP+ session\n';
const OLD_NO_SESSION = 'Error: Unable to establish LAN session\nError: Unable to establish IPMI v1.5 / RMCP session\n';

const failed = (err: string): ProgramEnd => ({ kind: 'ended', code: 1, out: '', err });
const worked = (out: string, err = VERBOSE): ProgramEnd => ({ kind: 'ended', code: 0, out, err });

interface Case {
  readonly name: string;
  readonly end: ProgramEnd;
  /** The outcome of a query; undefined if the same as that of a change. */
  readonly asked?: PowerOutcomeKind;
  readonly changed: PowerOutcomeKind;
  readonly text: RegExp;
  readonly state?: PowerState;
}

/** Errors that end a login or a command with this outcome. */
const words = (changed: PowerOutcomeKind, text: RegExp, errors: Readonly<Record<string, string>>): readonly Case[] =>
  Object.entries(errors).map(([name, error]) => {
    const isLogin = !error.startsWith('Set Chassis');
    return { name, end: failed(`${isLogin ? HEAD : VERBOSE}${error}\n${isLogin ? NO_SESSION : ''}`), changed, text };
  });

const CASES: readonly Case[] = [
  {
    name: 'switched on',
    end: worked('Chassis Power Control: Up/On\n'),
    asked: 'unknown',
    changed: 'done',
    text: /Up\/On/,
  },
  {
    name: 'a chosen boot device',
    end: worked('Set Boot Device to pxe\n'),
    asked: 'unknown',
    changed: 'done',
    text: /pxe/,
  },
  { name: 'is on', end: worked('Chassis Power is on\n'), changed: 'done', text: /^Chassis Power is on$/, state: 'on' },
  { name: 'is off', end: worked('Chassis Power is off\n'), changed: 'done', text: /is off$/, state: 'off' },
  {
    name: 'a wrong password',
    end: failed(`${HEAD}> RAKP 2 HMAC is invalid\n${NO_SESSION}`),
    changed: 'wrong-credentials',
    text: /^the password is wrong/,
  },
  {
    name: 'an unknown user',
    end: failed(`${HEAD}RAKP 2 message indicates an error : unauthorized name\n${NO_SESSION}`),
    changed: 'wrong-credentials',
    text: /^the BMC has no such user/,
  },
  {
    name: 'a wrong password by IPMI 1.5',
    end: failed(`${HEAD}Activate Session command failed\n${OLD_NO_SESSION}`),
    changed: 'wrong-credentials',
    text: /^the password is wrong/,
  },
  {
    name: 'an unknown user by IPMI 1.5',
    end: failed(`${HEAD}Invalid user name\n${OLD_NO_SESSION}`),
    changed: 'wrong-credentials',
    text: /^the BMC has no such user/,
  },
  {
    name: 'an unknown cipher suite',
    end: failed(`Error in open session response message : invalid authentication algorithm\n${NO_SESSION}`),
    changed: 'refused',
    text: /cipher_suite_id/,
  },
  {
    name: 'no free session *',
    end: failed(`Error in open session response message : insufficient resources for session\n${NO_SESSION}`),
    changed: 'refused',
    text: /^all sessions of the BMC are taken/,
  },
  {
    name: 'no BMC',
    end: failed(
      `${HEAD}Get Auth Capabilities error\nError issuing Get Channel Authentication Capabilities request\n${NO_SESSION}`,
    ),
    changed: 'unreachable',
    text: /^no answer/,
  },
  {
    name: 'no BMC by IPMI 1.5',
    end: failed(`${HEAD}Get Auth Capabilities command failed\n${OLD_NO_SESSION}`),
    changed: 'unreachable',
    text: /^no answer/,
  },
  {
    name: 'an unknown host name',
    end: failed(`Address lookup for nosuch.invalid failed\nCould not open socket!\n${NO_SESSION}`),
    changed: 'unreachable',
    text: /^its name is unknown/,
  },
  {
    name: 'silence in the middle of the login',
    end: failed(
      `${HEAD}> Error: no response from RAKP 1 message\nSet Session Privilege Level to ADMINISTRATOR failed\n${NO_SESSION}`,
    ),
    changed: 'unreachable',
    text: /RAKP 1/,
  },
  {
    name: 'silence after the login',
    end: failed(
      `${HEAD}Set Session Privilege Level to ADMINISTRATOR failed\n${NO_SESSION}Close Session command failed\n`,
    ),
    changed: 'unreachable',
    text: /^the BMC stopped answering/,
  },
  {
    name: 'silence after the command',
    end: failed(
      `${HEAD}Running Get VSO Capabilities my_addr 0x20, transit 0, target 0x20\nNo valid response received\nDiscovered IPMB address 0x0\nUnable to set Chassis Power Control to Up/On\nClose Session command failed\n`,
    ),
    asked: 'unreachable',
    changed: 'unknown',
    text: /^Unable to set Chassis Power Control to Up\/On$/,
  },
  {
    name: 'a privilege that the user does not have',
    end: failed(
      'Get HPM.x Capabilities request failed, compcode = d4\nInvalid completion code received: Insufficient privilege level\nSet Chassis Power Control to Up/On failed: Insufficient privilege level\n',
    ),
    changed: 'refused',
    text: /^the user may not switch power/,
  },
  {
    name: 'a busy BMC *',
    end: failed(`${VERBOSE}Set Chassis Power Control to Up/On failed: Node busy\n`),
    changed: 'refused',
    text: /Node busy$/,
  },
  { name: 'unknown output', end: failed('Something new\n'), changed: 'unknown', text: /^Something new$/ },
  { name: 'no words', end: failed(''), changed: 'unknown', text: /^ipmitool ended with 1$/ },
  {
    name: 'its own failed assertion *',
    end: {
      kind: 'ended',
      code: 134,
      out: '',
      err: "ipmitool: lanplus.c:1907: ipmi_lanplus_send_payload: Assertion `0' failed.\n",
    },
    changed: 'unknown',
    text: /^ipmitool itself failed, with status 134: .*Assertion/,
  },
  ...words('wrong-credentials', /^the user may not have that privilege level/, {
    'a level above the limit of user or channel *': 'Set Session Privilege Level to OPERATOR failed: Unknown (0x81)',
    'a level that the user does not have *': 'Set Session Privilege Level to ADMINISTRATOR failed: Unknown (0x80)',
    'a refused level *': 'Set Session Privilege Level to OPERATOR failed: Insufficient privilege level',
    'a refused role *': 'RAKP 2 message indicates an error : unauthorized role requested',
    'an invalid role *': 'Error in open session response message : invalid role',
    'a level above the limit by IPMI 1.5 *': 'Activate Session error:\tRequested privilege level exceeds limit',
  }),
  ...words('unreachable', /^no answer/, {
    'a lost RAKP 1 †':
      '> Error: no response from RAKP 1 message\nSet Session Privilege Level to ADMINISTRATOR failed: Insufficient privilege level',
    'a late RAKP 2, which does not fit the new RAKP 1 †':
      '> Error: no response from RAKP 1 message\nError: Received an Unexpected RAKP 2 message\n> RAKP 2 HMAC is invalid',
    'a lost RAKP 3 *': '> Error: no response from RAKP 3 message',
    'no network *': 'connect: Network is unreachable',
    'no route *': 'IPMI LAN send command failed\nGet Auth Capabilities error',
    'a lost challenge by IPMI 1.5 *': 'Get Session Challenge command failed',
  }),
  ...words('refused', /^all sessions of the BMC are taken/, {
    'no free role *': 'RAKP 2 message indicates an error : insufficient resources for role',
    'no free session by IPMI 1.5 *': 'Activate Session error:\tNo session slot available',
    'no free session for the user by IPMI 1.5 *':
      'Activate Session error:\tNo slot available for given user - limit reached',
  }),
  ...words('refused', /cipher_suite_id/, {
    'a suite that the BMC has dropped †': 'Error in open session response message : invalid authentication algorithm',
    'no matching suite *': 'Error in open session response message : no matching cipher suite',
    'no matching integrity *': 'Error in open session response message : no matching integrity payload',
    'another suite than requested *': 'Integrity algorithm 0x01 is not what we requested 0x04',
    'a suite that ipmitool does not have *': 'Unsupported cipher suite ID : 42',
    'a BMC with IPMI 1.5 only *': 'This BMC does not support IPMI v2 / RMCP+',
    'a BMC with IPMI 2.0 only †': 'Authentication type NONE not supported',
  }),
  ...words('wrong-credentials', /^the BMC has no such user/, {
    'no user without a name *': 'NULL user name not enabled',
    'a name of a wrong length *': 'RAKP 2 message indicates an error : invalid name length',
  }),
  ...words('wrong-credentials', /^password or key is wrong/, {
    'a wrong key *': 'RAKP 4 message indicates an error : invalid integrity check value',
    'a wrong key, as ipmitool finds *': '> RAKP 4 message has invalid integrity check value',
  }),
  ...words('refused', /^[^(]*$/, {
    'an illegal parameter †': 'RAKP 2 message indicates an error : illegal parameter',
    'another completion code of the login *': 'Activate Session error:\tNode busy',
    'a busy BMC at the login *': 'Set Session Privilege Level to OPERATOR failed: Node busy',
    'a password that is too long': 'lanplus: password is longer than 20 bytes.',
    'a machine that is off already †':
      'Set Chassis Power Control to Soft failed: Command not supported in present state',
    'a BMC that starts *': 'Set Chassis Power Control to Up/On failed: BMC initialization in progress',
  }),
  ...['Timeout', 'Command response could not be provided', 'Cannot execute duplicated request'].map(
    (code): Case => ({
      name: `the code ${code} *`,
      end: failed(`Set Chassis Power Control to Up/On failed: ${code}\n`),
      asked: 'unreachable',
      changed: 'unknown',
      text: new RegExp(`${code}$`),
    }),
  ),
  {
    name: 'a timeout',
    end: { kind: 'killed', out: '', err: HEAD },
    asked: 'unreachable',
    changed: 'unknown',
    text: /^ipmitool did not end in time$/,
  },
  {
    name: 'no ipmitool',
    end: { kind: 'missing', program: 'ipmitool' },
    changed: 'refused',
    text: /apt-get install ipmitool/,
  },
];

for (const { name, end, asked, changed, text, state = 'unknown' } of CASES) {
  test(`ipmitool, ${name}: ${changed}`, () => {
    for (const [changes, expected] of [
      [true, changed],
      [false, asked ?? changed],
    ] as const) {
      const judged = judgeIpmitool(end, changes, []);
      assert.equal(judged.kind, expected, textOf(judged));
      assert.equal(judged.state, state);
      if (judged.kind !== 'unknown' || changes) assert.match(textOf(judged), text);
    }
  });
}

test('a secret in its output is masked', () => {
  assert.equal(
    textOf(judgeIpmitool(failed('bad password hunter2 given\n'), true, ['hunter2'])),
    'bad password •••• given',
  );
});
