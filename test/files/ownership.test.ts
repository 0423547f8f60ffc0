import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { describeRemedy, type OwnershipFacts, readUserName } from '../../src/files/ownership.ts';
import { missing } from '../support/needs.ts';

const STATE = '/var/lib/rackboot';
const FILE = `${STATE}/leases.db`;
const RACKBOOT = 105;
const BOB = 1000;
const readName = (uid: number): string => ({ 0: 'root', [RACKBOOT]: 'rackboot', [BOB]: 'bob' })[uid] ?? String(uid);

const CASES: readonly (readonly [name: string, facts: Omit<OwnershipFacts, 'readName'>, remedy: string])[] = [
  [
    "root's file in the service's state",
    { owner: 0, directoryOwner: RACKBOOT, ownUid: RACKBOOT },
    `it belongs to root; give it to the user that runs Rackboot: sudo chown -R rackboot: ${STATE}`,
  ],
  [
    'a state directory that root created',
    { owner: 0, directoryOwner: 0, ownUid: RACKBOOT },
    `it belongs to root; give it to the user that runs Rackboot: sudo chown -R rackboot: ${STATE}`,
  ],
  [
    'a person who runs a rack that root set up',
    { owner: 0, directoryOwner: 0, ownUid: BOB },
    `it belongs to root; run this with sudo, or give it to the user that runs Rackboot: sudo chown -R bob: ${STATE}`,
  ],
  [
    'a person who is not the service user',
    { owner: RACKBOOT, directoryOwner: RACKBOOT, ownUid: BOB },
    'it belongs to rackboot; run this as rackboot or with sudo',
  ],
  [
    'a mode that denies the owner',
    { owner: RACKBOOT, directoryOwner: RACKBOOT, ownUid: RACKBOOT },
    `its mode forbids it: sudo chmod -R u+rwX ${STATE}`,
  ],
  [
    'root',
    { owner: 0, directoryOwner: RACKBOOT, ownUid: 0 },
    `root may do this unless the file system forbids it: findmnt -T ${STATE}; lsattr -d ${FILE}`,
  ],
  [
    'a hidden path, for a user without a name',
    { owner: undefined, directoryOwner: undefined, ownUid: 4711 },
    `give it to the user that runs Rackboot: sudo chown -R 4711: ${STATE}`,
  ],
];

for (const [name, facts, remedy] of CASES) {
  test(`the remedy for ${name} names the command`, () => {
    assert.equal(describeRemedy(FILE, STATE, { ...facts, readName }), remedy);
  });
}

test("a user is shown by the host's name for it, or by its number", () => {
  assert.equal(readUserName(0), 'root');
  assert.equal(readUserName(3_999_999), '3999999');
});

test("a user who is not in passwd(5) gets the directory's group, but never root's", { skip: missing('root') }, () => {
  const module = pathToFileURL(join(import.meta.dirname, '../../src/files/ownership.ts')).href;
  const idsAs = (uid: number, gid: number): unknown =>
    JSON.parse(
      execFileSync(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `const { becomeUser } = await import('${module}');
          becomeUser(${uid}, ${gid});
          console.log(JSON.stringify([process.getuid(), process.getgid(), process.getegid(), process.getgroups()]));`,
        ],
        { encoding: 'utf8' },
      ),
    );
  assert.deepEqual(idsAs(3_999_999, 0), [3_999_999, 3_999_999, 3_999_999, [3_999_999]]);
  assert.deepEqual(idsAs(3_999_999, 4711), [3_999_999, 4711, 4711, [4711]]);
});
