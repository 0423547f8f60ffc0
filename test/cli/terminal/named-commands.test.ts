// A sentence names a command as it is typed on this host: with the program of a checkout, and the configuration that was given.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NAMED_COMMANDS, nameCommands, WITHOUT_CONFIG } from '../../../src/cli/terminal/named-commands.ts';
import { commandNames, tabledCommands } from '../../support/command-table.ts';

const HERE = { program: 'node bin/rackboot.js', config: " --config '/tmp/my rack.yaml'" };
const WITH = "--config '/tmp/my rack.yaml'";

test('the table names every command and alias of the command line', () => {
  const sorted = (words: Iterable<string>): string => [...words].toSorted().join(' ');
  const tabled = [...commandNames()].map(([command, group]): [string, string] => [command, sorted(group)]);
  const named = Object.entries(NAMED_COMMANDS).map(([command, group]) => [command, sorted(group.split(' '))]);
  assert.deepEqual(Object.fromEntries(named), Object.fromEntries(tabled));
});

test('the commands without --config read no configuration', () => {
  const without = tabledCommands().filter(({ options }) => !options.has('config'));
  assert.deepEqual(new Set(without.map(({ words }) => words)), WITHOUT_CONFIG);
});

const SENTENCES: readonly (readonly [what: string, sentence: string, shown: string])[] = [
  [
    'a command in quotes',
    'See `rackboot leases list --state bound`.',
    `See \`node bin/rackboot.js leases list ${WITH} --state bound\`.`,
  ],
  [
    'a command of a group alone',
    'rackboot leases, or rackboot leases show says who',
    `node bin/rackboot.js leases ${WITH}, or node bin/rackboot.js leases show ${WITH} says who`,
  ],
  [
    'a group whose command is the verb of the sentence',
    '`rackboot machines` lists all, rackboot status says why',
    `\`node bin/rackboot.js machines ${WITH}\` lists all, node bin/rackboot.js status ${WITH} says why`,
  ],
  [
    'a command of a group in a group',
    'rackboot images sources list; rackboot images selections set 3 ubuntu/noble',
    `node bin/rackboot.js images sources list ${WITH}; node bin/rackboot.js images selections set ${WITH} 3 ubuntu/noble`,
  ],
  [
    'two commands in a sentence',
    'If so: rackboot machines merge a b; if not: sudo rackboot machines keep-apart a b',
    `If so: node bin/rackboot.js machines merge ${WITH} a b; if not: sudo node bin/rackboot.js machines keep-apart ${WITH} a b`,
  ],
  [
    'a command that names its configuration',
    'fix: sudo rackboot images build --arch arm64 --config /tmp/a',
    'fix: sudo node bin/rackboot.js images build --arch arm64 --config /tmp/a',
  ],
  ['help', 'See rackboot leases --help.', 'See node bin/rackboot.js leases --help.'],
  ['the help of all commands', 'See rackboot --help.', 'See node bin/rackboot.js --help.'],
  [
    'the synopsis',
    'rackboot COMMAND --help shows its arguments',
    'node bin/rackboot.js COMMAND --help shows its arguments',
  ],
  ['a command without a configuration', '`rackboot lab` needs no rack', '`node bin/rackboot.js lab` needs no rack'],
  ...[
    'sudo systemctl start rackboot',
    'sudo journalctl -u rackboot -n 20',
    'run it as rackboot or with sudo',
    'rackboot: no machine is called x',
    'sudo install -d -o rackboot -g rackboot -m 750 /x',
    '/usr/bin/rackboot status',
    'node bin/rackboot.js status',
    'rackboot statuses',
    'accept this rack on its region: sudo rackboot racks accept far',
    'waiting for an administrator; on the region: sudo rackboot racks accept far',
    '  sudo rackboot racks accept far  on the host of http://10.0.0.1/: lets this rack serve machines',
    'Its home is rack far: run rackboot trace on the host of that rack.',
  ].map((sentence): [string, string, string] => [`no command of this host: ${sentence}`, sentence, sentence]),
];
test('where root runs a command, the named commands that need its rights begin with sudo, once', () => {
  const installed = { program: 'rackboot', config: '', isRoot: true };
  for (const [sentence, shown] of [
    [
      'no machine is called x; `rackboot machines list` shows all',
      'no machine is called x; `sudo rackboot machines list` shows all',
    ],
    [
      'If so: rackboot machines merge a b; see sudo rackboot status',
      'If so: sudo rackboot machines merge a b; see sudo rackboot status',
    ],
    ['run rackboot trace on the host of that rack.', 'run sudo rackboot trace on the host of that rack.'],
    [
      'See rackboot leases --help, rackboot --help and rackboot lab.',
      'See rackboot leases --help, rackboot --help and rackboot lab.',
    ],
  ] as const) {
    assert.equal(nameCommands(sentence, installed), shown);
    assert.equal(nameCommands(shown, installed), shown, 'once more');
  }
  const there = nameCommands('See `rackboot status`', { ...HERE, isRoot: true });
  assert.equal(there, `See \`sudo node bin/rackboot.js status ${WITH}\``);
  assert.equal(nameCommands(there, { ...HERE, isRoot: true }), there);
});

for (const [what, sentence, shown] of SENTENCES) {
  test(`named as typed here: ${what}`, () => {
    assert.equal(nameCommands(sentence, HERE), shown);
    assert.equal(nameCommands(shown, HERE), shown, 'once more');
    assert.equal(nameCommands(sentence, { program: 'rackboot', config: '' }), sentence, 'where it is installed');
  });
}
