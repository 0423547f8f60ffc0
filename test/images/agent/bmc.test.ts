// Runs the search for a BMC under the shells that machines have, against BMCs that answer from a table.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { missing } from '../../support/needs.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { SHELLS } from './shells.ts';

const IMAGES = join(import.meta.dirname, '..', '..', '..', 'src/images');
const SEARCH = join(IMAGES, 'build/environment/bmc');
const AGENT = join(IMAGES, 'agent/agent.sh');

/** Requests as shell patterns of hexadecimal words, and the answers without the command; the first match answers. */
type Bmc = readonly (readonly [string, string])[];

const NAMELESS = `00 ${'00 '.repeat(16)}`.trim();
const nameOf = (name: string): string =>
  `00 ${Buffer.from(name.padEnd(16, '\0'))
    .toString('hex')
    .toUpperCase()
    .replace(/..(?!$)/g, '$& ')}`;

/** A BMC of IPMI 2.0 with a LAN on channel 1 and ten user slots, the second of them in use. */
const ORDINARY: Bmc = [
  ['06 01', '00 20 01 09 08 02 9F 91 12 00 02 0F'],
  ['06 42 01', '00 01 04 01 00 00 00 00 00 00'],
  ['06 42 *', 'CC'],
  ['0c 02 01 03 00 00', '00 11 0A 14 00 FE'],
  ['0c 02 01 05 00 00', '00 11 52 54 00 BB 00 01'],
  ['06 41 01 80', '00 22 04'],
  ['06 44 01 01', '00 0A 02 01 0F'],
  ['06 44 01 *', '00 0A 02 01 0F'],
  ['06 46 02', nameOf('root')],
  ['06 46 *', NAMELESS],
  ['06 4[357] *', '00'],
];
const FOUND = { version: '2.0', address: '10.20.0.254', mac: '52:54:00:bb:00:01' };

describe('the search for a BMC', { skip: missing('busybox') }, () => {
  const scratch = scratchDirectory();
  let count = 0;

  /** Runs the search. @returns the printed facts and the requests that the BMC got */
  function search(shell: readonly string[], bmc: Bmc, user = '') {
    count += 1;
    const directory = join(scratch, String(count));
    const log = join(directory, 'asked');
    mkdirSync(join(directory, 'packed'), { recursive: true });
    const answers = bmc.map(([asked, answer]) => {
      const word = /\S+/.exec(asked.slice(3))?.[0] ?? '';
      return `  ${asked.replaceAll(' ', '\\ ')}) echo "rcvd: ${word} ${answer}" ;;`;
    });
    const tool = ['#!/bin/sh', 'shift 3', `echo "$*" >>${log}`, 'case $* in', ...answers, 'esac', ''].join('\n');
    writeFileSync(join(directory, 'packed', 'ipmi-raw.gz'), gzipSync(tool));
    const [program = '', ...args] = shell;
    const output = execFileSync(program, [...args, SEARCH, directory, ...(user === '' ? [] : [user])], {
      env: { PATH: process.env.PATH, RACKBOOT_POWER_TOOLS: join(directory, 'packed') },
      encoding: 'utf8',
    });
    const lines = output
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2));
    return { printed: Object.fromEntries(lines), asked: readFileSync(log, 'utf8').trimEnd().split('\n') };
  }

  for (const [name, shell] of SHELLS) {
    test(`reports version, address and hardware address, and writes nothing (${name})`, () => {
      const { printed, asked } = search(shell, ORDINARY);
      assert.deepEqual(printed, FOUND);
      assert.ok(
        asked.every((request) => /^06 (01|42)|^0c 02/.test(request)),
        asked.join('\n'),
      );
    });

    test(`creates a user in the first free slot, with a new password, and tests it (${name})`, () => {
      const { printed, asked } = search(shell, ORDINARY, 'maas');
      const { password = '', ...rest } = printed;
      assert.deepEqual(rest, { ...FOUND, user: 'maas' });
      assert.match(password, /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9]{15}$/);
      const bytes = (text: string, length: number): string => nameOf(text.padEnd(length, '\0')).slice(3);
      const written = asked.filter((request) => /^06 4[357]/.test(request));
      const secret = Buffer.from(password.padEnd(20, '\0'))
        .toString('hex')
        .toUpperCase()
        .replace(/..(?!$)/g, '$& ');
      assert.deepEqual(written, [
        `06 45 03 ${bytes('maas', 16)}`,
        `06 47 83 02 ${secret}`,
        '06 43 91 03 04',
        '06 47 03 01',
        `06 47 83 03 ${secret}`,
      ]);
    });
  }

  const users: readonly [string, Bmc, (requests: readonly string[]) => void][] = [
    [
      'gives the user of that name a new password, and creates no second user',
      [['06 46 05', nameOf('maas')], ...ORDINARY],
      (written) => assert.match(written[0] ?? '', /^06 45 05 /),
    ],
    [
      'treats a longer name as another user',
      [['06 46 03', nameOf('maas2')], ['06 46 04', nameOf('maasmaasmaasmaas')], ...ORDINARY],
      (written) => assert.match(written[0] ?? '', /^06 45 05 /),
    ],
    [
      'does not change users whose names are fixed',
      [['06 44 01 01', '00 0A 02 04 0F'], ['06 46 0[34]', NAMELESS], ...ORDINARY],
      (written) => assert.match(written[0] ?? '', /^06 45 05 /),
    ],
    [
      'does not change a nameless user that is enabled',
      [['06 44 01 03', '00 0A 02 01 34'], ...ORDINARY],
      (written) => assert.match(written[0] ?? '', /^06 45 04 /),
    ],
    [
      'treats a slot without a name as free',
      [['06 46 03', 'CC'], ...ORDINARY],
      (written) => assert.match(written[0] ?? '', /^06 45 03 /),
    ],
    [
      'sets a password of 16 bytes where the BMC rejects one of 20',
      [['06 47 83 *', 'C7'], ...ORDINARY],
      (written) => {
        assert.match(written[2] ?? '', /^06 47 03 02 (?:[0-9A-F]{2} ){15}00$/);
        assert.match(written.at(-1) ?? '', /^06 47 03 03 /);
      },
    ],
    [
      'enables a user with the longer request where the short one is refused',
      [['06 47 03 01', 'C7'], ...ORDINARY],
      (written) => assert.ok(written.includes(`06 47 03 01 ${'00 '.repeat(16).trim()}`)),
    ],
  ];
  for (const [name, bmc, check] of users) {
    test(name, () => {
      const { printed, asked } = search(['busybox', 'sh'], bmc, 'maas');
      assert.equal(printed.user, 'maas', JSON.stringify(printed));
      check(asked.filter((request) => /^06 4[357]/.test(request)));
    });
  }

  const problems: readonly [string, Bmc, Readonly<Record<string, string>>][] = [
    ['a BMC that does not answer', [], { problem: 'its BMC does not answer' }],
    ['one without a LAN', [['06 42 *', 'CC'], ...ORDINARY], { version: '2.0', problem: 'its BMC has no LAN channel' }],
    [
      'one without an address',
      [['0c 02 01 03 00 00', '00 11 00 00 00 00'], ...ORDINARY],
      { version: '2.0', problem: 'its BMC has no IPv4 address on its LAN' },
    ],
    [
      'one whose LAN is switched off',
      [['06 41 01 80', '00 20 04'], ...ORDINARY],
      { ...FOUND, problem: 'its BMC takes no messages over the LAN: access to channel 1 is disabled' },
    ],
    [
      'one with no free slot',
      [['06 46 *', nameOf('somebody')], ...ORDINARY],
      { ...FOUND, problem: 'its BMC has no free user for maas' },
    ],
    [
      'one that refuses the password',
      [['06 47 *', 'C1'], ...ORDINARY],
      { ...FOUND, problem: 'its BMC did not take the user maas (completion code C1)' },
    ],
    [
      'one that reports a different password',
      [['06 47 83 03 *', '80'], ...ORDINARY],
      { ...FOUND, problem: 'its BMC did not take the user maas (completion code 80)' },
    ],
    [
      'one of an older IPMI, with an invalid hardware address',
      [['06 01', '00 20 01 09 08 51 9F 91 12 00 02 0F'], ['0c 02 01 05 *', '00 11'], ...ORDINARY],
      { version: '1.5', address: FOUND.address, user: 'maas' },
    ],
  ];
  for (const [name, bmc, expected] of problems) {
    test(`reports the rest of ${name}`, () => {
      const { password, ...printed } = search(['busybox', 'sh'], bmc, 'maas').printed;
      assert.deepEqual(printed, expected);
      assert.equal(password !== undefined, 'user' in expected);
    });
  }

  /** Runs the agent's part with another search, on a clock that advances when the agent sleeps. */
  function collect(shell: readonly string[], found: string, more = ''): string[] {
    count += 1;
    const directory = join(scratch, String(count));
    mkdirSync(join(directory, 'sys/firmware/dmi/entries/38-0'), { recursive: true });
    writeFileSync(join(directory, 'search'), found);
    const functions = readFileSync(AGENT, 'utf8').split(/^umask 077$/m, 1)[0] ?? '';
    const clock = 'now=1000\nuptime_seconds() { echo $now; }\nsleep() { now=$((now + $1)); busybox usleep 2000; }\n';
    const rest = `say() { echo "say $*"; }\nargument() { :; }\npurpose=enlist\n${more}\ncollect_power\n`;
    const body = `${functions}\n${clock}BMC_SECONDS_MAX=\${PATIENCE:-3000}\n${rest}echo "type=$power_type $power_parameters"`;
    const [program = '', ...args] = shell;
    const { stdout, stderr, status } = spawnSync(program, [...args, '-c', body], {
      env: {
        PATH: process.env.PATH,
        RACKBOOT_TMP: directory,
        RACKBOOT_SYS: join(directory, 'sys'),
        RACKBOOT_BMC: join(directory, 'search'),
      },
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    return stdout.trimEnd().split('\n');
  }

  for (const [name, shell] of SHELLS) {
    test(`becomes power parameters in the agent, which shows the password to no one (${name})`, () => {
      const found = 'echo "version=2.0\naddress=10.20.0.254\nmac=52:54:00:bb:00:01\nuser=maas\npassword=Secret1"';
      assert.deepEqual(collect(shell, found), [
        'say Looking for the BMC of this machine',
        'say The BMC is at 10.20.0.254; the region gets the new password of its user maas.',
        'type=ipmi {"power_address":"10.20.0.254","power_driver":"LAN_2_0","power_boot_type":"auto",' +
          '"mac_address":"52:54:00:bb:00:01","power_user":"maas","power_pass":"Secret1"}',
      ]);
    });

    test(`is abandoned when it hangs (${name})`, () => {
      const lines = collect(shell, 'echo address=10.20.0.254; exec busybox sleep 60', 'BMC_SECONDS_MAX=60');
      assert.match(lines.at(-2) ?? '', /did not answer within 60 seconds/);
      assert.equal(lines.at(-1), 'type=', 'half an answer is ignored');
    });
  }

  test('does not change the BMC if the kernel line says so, or the machine does not enlist', () => {
    const found = 'echo "version=1.5\naddress=10.20.0.254\nproblem=given: $#"';
    const without = 'type=ipmi {"power_address":"10.20.0.254","power_driver":"LAN","power_boot_type":"auto"}';
    for (const more of ['argument() { echo no; }', 'purpose=commissioning']) {
      assert.deepEqual(collect(['sh'], found, more).slice(1), [
        'say The BMC: given: 1',
        'say The BMC is at 10.20.0.254.',
        without,
      ]);
    }
    assert.match(collect(['sh'], found)[1] ?? '', /given: 2/);
  });

  test('starts for a BMC on PCI that the firmware does not list, and for no other PCI device', () => {
    for (const [value, begins] of [
      ['0x0c0701', true],
      ['0x0c0330', false],
    ] as const) {
      const device = `mkdir -p "$work/pci/bus/pci/devices/1"; echo ${value} >"$work/pci/bus/pci/devices/1/class"; sys=$work/pci`;
      const lines = collect(['busybox', 'sh'], 'echo address=10.20.0.254', device);
      assert.equal(lines[0] === 'say Looking for the BMC of this machine', begins, value);
    }
  });

  test('does not start where nothing indicates a BMC', () => {
    assert.deepEqual(collect(['sh'], 'echo address=10.20.0.254', 'sys=/nowhere'), ['type=']);
  });
});
