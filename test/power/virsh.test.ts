// Valid URIs, and the meaning of virsh's output. The output is that of virsh 9.0.0 (Debian 12) with its test driver, a libvirtd with QEMU,
// and sshd 9.2; output marked * is from libvirt's sources.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import type { PowerOutcomeKind, PowerState } from '../../src/power/outcome.ts';
import type { ProgramEnd } from '../../src/power/program.ts';
import { listGuests, parseHypervisor, virsh, virshUri } from '../../src/power/virsh.ts';
import { bootsFromNetwork, judgeVirsh, parseGuests } from '../../src/power/virsh-words.ts';
import { problemText } from '../../src/region/records/power-words.ts';
import { textOf } from '../support/sentences.ts';
import { surroundings } from './surroundings.ts';

const TAKEN: readonly (readonly [uri: string, given: string])[] = [
  ['qemu:///system', 'qemu:///system'],
  ['test:///default', 'test:///default'],
  ['qemu+ssh://user@Host/system', 'qemu+ssh://user@host/system?command=%2Fs%2Fssh%2Fconnect&no_tty=1'],
  [
    'qemu+ssh://u@10.0.0.6:2222/session?socket=/run/x',
    'qemu+ssh://u@10.0.0.6:2222/session?socket=%2Frun%2Fx&command=%2Fs%2Fssh%2Fconnect&no_tty=1',
  ],
  ['qemu+ssh://[fd00::6]/system', 'qemu+ssh://[fd00::6]/system?command=%2Fs%2Fssh%2Fconnect&no_tty=1'],
  ['qemu+tls://host/system', 'qemu+tls://host/system'],
  [
    'qemu+unix:///session?socket=/run/libvirt-sock&mode=direct',
    'qemu+unix:///session?socket=%2Frun%2Flibvirt-sock&mode=direct',
  ],
];
for (const [uri, given] of TAKEN) {
  test(`${uri} is accepted`, () => {
    const host = parseHypervisor(uri);
    assert.ok(host !== undefined);
    assert.equal(virshUri(host, host.overSsh ? '/s/ssh/connect' : undefined), given);
  });
}

const REFUSED: readonly string[] = [
  '',
  'host',
  'http://host/',
  'qemu+ssh:///system',
  'qemu://host/system',
  'qemu+ext://host/system?command=/bin/sh',
  'qemu+ssh://host/system?command=/bin/sh',
  'qemu+ssh://host/system?netcat=/bin/sh',
  'qemu+ssh://host/system?no_verify=1',
  'qemu+ssh://host/system?socket=relative',
  'qemu+ssh://host/system?socket=/a%0Ab',
  'qemu+ssh://-oProxyCommand=x/system',
  'qemu+ssh://-x@host/system',
  "qemu+ssh://ho'st/system",
  'qemu+ssh://host/other',
  'qemu+unix://host/system',
  'test:///etc/passwd',
];
for (const uri of REFUSED) {
  test(`${JSON.stringify(uri)} is refused`, () => assert.equal(parseHypervisor(uri), undefined));
}

// virsh would take a number for an ID, which is another machine's after a restart; a name that only starts with a digit is not an ID.
for (const [id, isTaken] of [
  ['3', false],
  ['007', false],
  [' 3', false],
  ['+3', false],
  ['3a', true],
  ['node-3', true],
  ['6695eb01-f6a4-8304-79aa-97f2502e193f', true],
] as const) {
  test(`the machine ${JSON.stringify(id)} is ${isTaken ? 'accepted' : 'refused, with a request for its UUID'}`, () => {
    const values = { power_address: 'test:///default', power_id: id };
    const opened = virsh.open('abc', values, surroundings());
    if (isTaken) assert.equal(opened.kind, 'open');
    else
      assert.match(
        opened.kind === 'bad-parameters' ? opened.problems.map(problemText).join() : 'open',
        /^power_id: .*UUID/,
      );
  });
}

const failed = (err: string): ProgramEnd => ({ kind: 'ended', code: 1, out: '', err });
const worked = (out: string): ProgramEnd => ({ kind: 'ended', code: 0, out, err: '' });
const NO_HOST = 'error: failed to connect to the hypervisor\n';

interface Case {
  readonly name: string;
  readonly end: ProgramEnd;
  readonly wanted: 'on' | 'off' | undefined;
  readonly kind: PowerOutcomeKind;
  readonly text: RegExp;
  readonly state?: PowerState;
}
const CASES: readonly Case[] = [
  { name: 'started', end: worked("Domain 'test' started\n\n"), wanted: 'on', kind: 'done', text: /started$/ },
  { name: 'without a word', end: worked('\n'), wanted: 'on', kind: 'done', text: /^done$/ },
  { name: 'running', end: worked('running\n\n'), wanted: undefined, kind: 'done', text: /^running$/, state: 'on' },
  { name: 'shut off', end: worked('shut off\n\n'), wanted: undefined, kind: 'done', text: /^shut off$/, state: 'off' },
  { name: 'in shutdown', end: worked('in shutdown\n'), wanted: undefined, kind: 'done', text: /shutdown/, state: 'on' },
  { name: 'another word', end: worked('constructor\n'), wanted: undefined, kind: 'unknown', text: /no power state in/ },
  { name: 'on already', end: failed('error: Domain is already active\n'), wanted: 'on', kind: 'done', text: /already/ },
  {
    name: 'off already',
    end: failed(
      "error: Failed to destroy domain 'x'\nerror: Requested operation is not valid: domain is not running\n",
    ),
    wanted: 'off',
    kind: 'done',
    text: /^Failed to destroy domain 'x'; Requested operation is not valid: domain is not running$/,
  },
  {
    name: 'an unknown machine',
    end: failed("error: failed to get domain 'nope'\n"),
    wanted: 'on',
    kind: 'refused',
    text: /no such virtual machine/,
  },
  {
    name: 'a start that QEMU refuses *',
    end: failed(
      "error: Failed to start domain 'x'\nerror: internal error: process exited while connecting to monitor\n",
    ),
    wanted: 'on',
    kind: 'refused',
    text: /process exited/,
  },
  {
    name: 'no daemon',
    end: failed(
      `${NO_HOST}error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory\n`,
    ),
    wanted: 'on',
    kind: 'unreachable',
    text: /libvirt-sock/,
  },
  {
    name: 'no host',
    end: failed(
      `${NO_HOST}error: Cannot recv data: ssh: connect to host 127.0.0.1 port 2299: Connection refused: Connection reset by peer\n`,
    ),
    wanted: 'on',
    kind: 'unreachable',
    text: /port 2299/,
  },
  {
    name: 'an unknown host name',
    end: failed(
      `${NO_HOST}error: Cannot recv data: ssh: Could not resolve hostname nosuch.invalid: Name or service not known: Connection reset by peer\n`,
    ),
    wanted: undefined,
    kind: 'unreachable',
    text: /nosuch/,
  },
  {
    name: 'a host that does not know our key',
    end: failed(
      `${NO_HOST}error: Cannot recv data: root@127.0.0.1: Permission denied (publickey).: Connection reset by peer\n`,
    ),
    wanted: 'on',
    kind: 'wrong-credentials',
    text: /rackboot power key/,
  },
  {
    name: 'a host whose key has changed',
    end: failed(`${NO_HOST}error: Cannot recv data: Host key verification failed.: Connection reset by peer\n`),
    wanted: 'on',
    kind: 'refused',
    text: /known_hosts/,
  },
  {
    name: 'a user without permission *',
    end: failed(
      `${NO_HOST}error: authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'\n`,
    ),
    wanted: 'on',
    kind: 'wrong-credentials',
    text: /group libvirt/,
  },
  {
    name: 'a connection that breaks *',
    end: failed("error: Failed to start domain 'x'\nerror: Disconnected from qemu+ssh://h/system due to end of file\n"),
    wanted: 'on',
    kind: 'unknown',
    text: /end of file/,
  },
  { name: 'its time over', end: { kind: 'killed', out: '', err: '' }, wanted: 'off', kind: 'unknown', text: /in time/ },
  {
    name: 'a timeout of a query',
    end: { kind: 'killed', out: '', err: '' },
    wanted: undefined,
    kind: 'unreachable',
    text: /in time/,
  },
  {
    name: 'no virsh',
    end: { kind: 'missing', program: 'virsh' },
    wanted: 'on',
    kind: 'refused',
    text: /libvirt-clients/,
  },
];
for (const { name, end, wanted, kind, text, state = 'unknown' } of CASES) {
  test(`virsh, ${name}: ${kind}`, () => {
    const judged = judgeVirsh(end, wanted);
    assert.equal(judged.kind, kind, textOf(judged));
    assert.match(textOf(judged), text);
    assert.equal(judged.state, state);
  });
}

test('a host that needs our key is refused with the remedy if ssh-keygen is missing, and with the error otherwise', async () => {
  const host = parseHypervisor('qemu+ssh://h/system');
  assert.ok(host !== undefined);
  const said = async (error: Error): Promise<string> => {
    const list = await listGuests(
      host,
      { ...surroundings(), sshIdentity: () => Promise.reject(error) },
      new AbortController().signal,
    );
    return list.kind === 'failed' ? `${list.outcome.kind}: ${textOf(list.outcome)}` : list.kind;
  };
  assert.equal(
    await said(new RackError('tool-missing', 'in English')),
    'refused: ssh-keygen is not installed: sudo apt-get install openssh-client',
  );
  assert.equal(await said(new Error('no key here')), 'refused: virsh was not started: no key here');
});

test('virtual machines are parsed from the table, whatever their names', () => {
  const table =
    ' Id   Name              State\n-------------------------------\n 1    test              running\n -    a b               shut off\n -    shut off   paused  in shutdown\n -    x\n\n';
  assert.deepEqual(parseGuests(table), [
    { name: 'test', words: 'running', state: 'on' },
    { name: 'a b', words: 'shut off', state: 'off' },
    { name: 'shut off   paused', words: 'in shutdown', state: 'on' },
  ]);
  assert.deepEqual(parseGuests(''), []);
});

const ORDERS: readonly (readonly [name: string, xml: string, expected: boolean])[] = [
  ['the network before the disk', "<os><boot dev='network'/><boot dev='hd'/></os>", true],
  ['the disk before the network', "<os><boot dev='hd'/><boot dev='network'/></os>", false],
  ['an interface that is first', "<interface type='x'><mac/><boot order='1'/></interface>", true],
  ['a disk that is first', "<disk><boot order='1'/></disk><interface type='x'><boot order='2'/></interface>", false],
  ['nothing said', '<os></os>', false],
];
for (const [name, xml, expected] of ORDERS) {
  test(`with ${name} a machine ${expected ? 'boots' : 'does not boot'} from the network first`, () =>
    assert.equal(bootsFromNetwork(xml), expected));
}
