// The lines of the guided lab: few for a machine's boot, sentences for events, commands to copy, and the removed files.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  eventWords,
  hallWords,
  type LabEvent,
  nextSteps,
  openingWords,
  rackWords,
  removedWords,
  stepWords,
  virtualRemovedWords,
  virtualSteps,
} from '../../src/lab/lab-words.ts';
import type { MachineStep } from '../../src/lab/machine-actions.ts';
import { Narrator } from '../../src/lab/narrator.ts';
import type { Happening } from '../../src/region/records/event-params.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const step = (name: MachineStep['name'], text: string): MachineStep => ({ name, text });

test('the first boot of a machine takes three lines', () => {
  const steps = [
    step('power-on', 'powers on and asks for an address'),
    step('offer', 'is offered 127.77.2.1'),
    step('address', 'has 127.77.2.1 for 30 s and loads lpxelinux.0 from 127.77.0.1'),
    step('loader', 'loaded 44000 bytes by TFTP (blksize 1408)'),
    step('configuration', 'is told to boot amd64/generic/bookworm/commissioning/linux'),
    step('kernel', 'loaded the kernel, 8388608 bytes, by HTTP'),
    step('initrd', 'loaded the initrd, 6291456 bytes, by HTTP'),
    step('running', 'runs the environment for enlist'),
    step('posted', 'reported itself; the region calls it abc123'),
    step('off', 'powers off'),
  ];
  assert.deepEqual(
    steps.map(stepWords).filter((words) => words !== undefined),
    [
      'is switched on, and asks the network (DHCP)',
      'has 127.77.2.1 and loads lpxelinux.0 (TFTP), then kernel and initrd (HTTP)',
      'runs the environment that measures it, reports itself and powers off',
    ],
  );
});

const logged = (type: string, description: string, level = 'INFO', said?: Happening): LabEvent => ({
  type,
  description,
  level,
  hostname: 'calm-ibis',
  ...said,
});
const changed: Happening = { code: 'status-changed', params: { from: 'new', to: 'failed-commissioning' } };
const ended = { name: 'modules-final', isEnd: true, result: 'SUCCESS', said: 'ran 3 lines (simulated)' };
const stage = (changes: Partial<typeof ended> = {}): Happening => ({
  code: 'stage-reported',
  params: { ...ended, ...changes },
});

for (const [what, event, expected] of [
  ['a new machine', logged('New', 'Enlisted'), 'is enlisted: the region knows it now, as New'],
  ['a state', logged('Node changed status', 'in any language', 'INFO', changed), 'is Failed commissioning'],
  ['power', logged('Node powered on', 'it was switched on: HTTP 200'), 'is switched on by its webhook'],
  ['a step', logged('Node installation', 'writing'), 'prepares its disk: writing'],
  [
    'user data, which is simulated',
    logged('Node status event', 'in any language', 'DEBUG', stage()),
    'ran 3 lines (simulated)',
  ],
  ['a failed stage', logged('Node status event', 'it failed', 'WARNING', stage({ result: 'FAIL' })), undefined],
  ['another stage', logged('Node status event', 'it ended', 'DEBUG', stage({ name: 'init' })), undefined],
  ['traffic', logged('DHCP', 'Offered 127.77.2.1', 'DEBUG'), undefined],
  ['a fault', logged('Enlistment refused', 'no answer', 'ERROR'), 'Enlistment refused: no answer'],
  [
    'a failed switch',
    { ...logged('Failed to power on node', 'power on failed: no answer', 'ERROR'), code: 'power-failed' },
    'power on failed: no answer',
  ],
] as const) {
  test(`an event of ${what} is ${expected === undefined ? 'not shown' : 'shown as a sentence'}`, () => {
    assert.equal(eventWords(event), expected);
  });
}

const NEXT = {
  pageUrl: 'http://127.0.0.1:5240/MAAS/',
  user: 'lab',
  password: 'k3j4h5',
  program: 'node bin/rackboot.js',
  configFile: '/tmp/rackboot-lab-x/lab.yaml',
  userData: '/tmp/rackboot-lab-x/hello.yaml',
  system: 'debian/bookworm',
};

test('events of a rack’s interfaces are not shown', () => {
  const event = { type: 'Rack', description: 'br0 is waited for: br0 has no carrier', level: 'WARNING', hostname: '' };
  assert.equal(eventWords(event), undefined);
});

test('the suggestions name page, user and password, and complete commands for the machine', () => {
  assert.deepEqual(nextSteps({ ...NEXT, machine: 'calm-ibis' }), [
    '',
    'What to try next',
    '  On the page:  http://127.0.0.1:5240/MAAS/',
    '                sign in as lab with the password k3j4h5',
    '  In another terminal, in this directory; run each when the previous one has finished (Ready, Deployed):',
    '    export RACKBOOT_CONFIG=/tmp/rackboot-lab-x/lab.yaml',
    '    Accept    node bin/rackboot.js machines accept calm-ibis',
    '    Deploy    node bin/rackboot.js machines deploy calm-ibis debian/bookworm --user-data /tmp/rackboot-lab-x/hello.yaml',
    '    Release   node bin/rackboot.js machines release calm-ibis',
    'Ctrl-C ends the lab and removes everything.',
    '',
  ]);
});

test('the suggestions with a virtual machine name the page, and commands that run as root', () => {
  const { pageUrl, user, password, program, configFile } = NEXT;
  const lines = virtualSteps({
    ...NEXT,
    program,
    configFile,
    machine: 'calm-ibis',
    console: '/tmp/lab/machine.console',
  });
  assert.ok(lines.includes(`  On the page:  ${pageUrl}`));
  assert.ok(lines.includes(`                sign in as ${user} with the password ${password}`));
  const accept = `sudo node bin/rackboot.js machines accept calm-ibis --skip-commissioning --config ${configFile}`;
  assert.ok(lines.includes(`    Accept    ${accept}`), lines.join('\n'));
  assert.ok(lines.includes(`    Check     sudo node bin/rackboot.js doctor --config ${configFile}`));
  assert.match(
    lines.join('\n'),
    /impossible: the virtual machine is off, and its disk is blank.*SSH keys of its owner: ssh debian@ADDRESS.*sudo less \/tmp\/lab\/machine\.console/s,
  );
  assert.ok(lines.includes('Ctrl-C ends the lab and removes everything.'));
});

test('the suggestions in a hall list its machines and racks', () => {
  const lines = nextSteps({ ...NEXT, machine: undefined });
  assert.ok(lines.includes('    Machines  node bin/rackboot.js machines list'), lines.join('\n'));
  assert.ok(lines.includes('    Racks     node bin/rackboot.js racks'), lines.join('\n'));
});

test('nouns agree with their counts', () => {
  assert.match(openingWords(1, 1), /: a real rack and 1 simulated machine\./);
  assert.match(openingWords(40, 2), /: 2 real racks and 40 simulated machines\./);
  assert.match(removedWords(40, 2, '/tmp/x'), /Removed: 2 racks, 40 simulated machines and \/tmp\/x\./);
  assert.equal(
    virtualRemovedWords(['its rack', 'its network', '/tmp/x'], '/var/cache/y'),
    'The lab has ended. Removed: its rack, its network and /tmp/x. Kept for the next time: /var/cache/y, which you may remove (sudo rm -r).',
  );
  assert.match(virtualRemovedWords(['its network', '/tmp/x'], undefined), /Removed: its network and \/tmp\/x\.$/);
  assert.equal(hallWords(1, 40), '1 of 40 machines has reached its planned state');
});

test('with a virtual machine, only offers and files of the rack’s log are shown', () => {
  const line = (event: string, fields: object) => ({ event, level: 30, msg: '', ...fields });
  assert.equal(
    rackWords(line('dhcp.offer', { address: '10.77.0.100', file: 'lpxelinux.0' })),
    'offers 10.77.0.100 and lpxelinux.0 (DHCP)',
  );
  const sent = line('tftp.sent', { file: '/lpxelinux.0', bytes: 44_000 });
  assert.equal(rackWords({ ...sent, bytes: 8_247_232 }), 'has sent lpxelinux.0, 8.2 MB (TFTP)');
  assert.equal(rackWords(line('interface.waiting', { interface: 'br0' })), undefined);
  assert.equal(rackWords(line('daemon.note', {})), undefined);
});

test('a line has the seconds since the start, the speaker, and no control characters', () => {
  const clock = new VirtualClock(1000);
  const lines: string[] = [];
  const narrator = new Narrator(clock, (text) => void lines.push(text));
  clock.advance(1250);
  narrator.tell('region', 'calm\u001b[31m-ibis is Ready');
  narrator.show(['', '  a\u0007b']);
  assert.match(lines[0] ?? '', /^ {3}1\.25 s {2}region {4}calm.*-ibis is Ready$/);
  assert.ok(
    lines.every((text) => !/[\u0000-\u001f]/.test(text)),
    JSON.stringify(lines),
  );
});
