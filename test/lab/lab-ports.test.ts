// A lab whose ports are taken names them and the remedy before it starts anything.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { WITHOUT_WARNING } from '../../bin/daemon-flags.js';
import { checkPorts, describeOwner } from '../../src/lab/lab-ports.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';

const PLACE = labPlace(92);

test('a port in use is named with its owner; free ones stay free', async () => {
  await checkPorts([{ place: PLACE }]);
  const other = createServer();
  other.listen(PLACE.regionPort, '127.0.0.1');
  await once(other, 'listening');
  try {
    await assert.rejects(checkPorts([{ place: PLACE }]), {
      code: 'address-in-use',
      message: new RegExp(
        `^127\\.0\\.0\\.1:${PLACE.regionPort} is in use by \\S+ \\(process ${process.pid} of user \\S+\\); the lab needs this port$`,
      ),
    });
  } finally {
    other.close();
  }
  await checkPorts([{ place: PLACE }]);
});

const NODE = ['/opt/node/bin/node', WITHOUT_WARNING];
const OWNERS: readonly (readonly [what: string, words: readonly string[], text: RegExp])[] = [
  ['a service', [...NODE, '/opt/rackboot/src/main.ts', 'run'], /^by a rack that runs on this host .* depend on it;/],
  ['a rack of a person', ['node', 'bin/rackboot.js', 'run', '--config', '/etc/r.yaml'], /^by a rack that runs/],
  [
    'a rack of a lab',
    [...NODE, '/home/op/rackboot/src/main.ts', 'run', '--config', '/tmp/rackboot-lab-x1/rack.yaml'],
    /^by another lab .* Ctrl-C/,
  ],
  ['a lab', ['node', 'bin/rackboot.js', 'lab', '--vm'], /^by another lab .* Ctrl-C/],
  ['a stranger', ['/usr/sbin/nginx', '-g', 'run'], /^by nginx \(process 7 of user root\); the lab needs this port$/],
];
for (const [what, words, text] of OWNERS) {
  test(`${what} as the port’s owner is recognised, so that no rack is ended for a lab`, () => {
    const name = words[0]?.split('/').at(-1) ?? '';
    const said = describeOwner({ process: { pid: 7, name, commandLine: words, unit: undefined }, uid: 0 }, 5240);
    assert.match(said, text);
    assert.equal(/Ctrl-C/.test(said), /lab/.test(what));
  });
}

test('the refusal names the lab of a rack, because the end of the lab ends both', () => {
  const rack = {
    pid: 7752,
    name: 'node',
    commandLine: ['node', 'src/main.ts', 'run', '--config', '/tmp/rackboot-lab-x1/lab.yaml'],
    unit: undefined,
  };
  const lab = { pid: 7734, name: 'node', commandLine: ['node', 'src/main.ts', 'lab'], unit: undefined };
  const owner = { process: rack, uid: 0 };
  assert.match(describeOwner(owner, 5240, lab), /\(process 7734 of user root\).* or with `kill 7734`$/);
  const init = { pid: 1, name: 'init', commandLine: ['/sbin/init'], unit: undefined };
  assert.match(describeOwner(owner, 5240, init), /\(process 7752 of user root\).* `kill 7752`$/);
});

test('for a process that only root can see, the user is named and nothing is guessed', () => {
  assert.match(describeOwner({ process: undefined, uid: 0 }, 5240), /^by a process of user root, which may be a rack/);
  assert.match(describeOwner(undefined, 5240), /cannot see.*sudo ss -ltnp sport = :5240/);
});
