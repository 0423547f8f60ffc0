// A lab whose ports are taken names them and the remedy before it starts anything.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
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

const NODE = ['/opt/node/bin/node', '--disable-warning=ExperimentalWarning'];
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
    const said = describeOwner({ process: { pid: 7, name, words }, uid: 0 }, 5240);
    assert.match(said, text);
    assert.equal(/Ctrl-C/.test(said), /lab/.test(what));
  });
}

test('for a process that only root can see, the user is named and nothing is guessed', () => {
  assert.match(describeOwner({ process: undefined, uid: 0 }, 5240), /^by a process of user root, which may be a rack/);
  assert.match(describeOwner(undefined, 5240), /cannot be seen .*sudo ss -ltnp sport = :5240/);
});
