import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSocketRefusal } from '../../src/files/socket-refusal.ts';
import { RackError } from '../../src/ground/errors.ts';

const PATH = '/var/lib/rackboot/rackboot.sock';
const failure = (code: string): Error => Object.assign(new Error(`listen ${code}`), { code });

const CASES: readonly (readonly [cause: string, code: string, remedy: RegExp])[] = [
  ['EROFS', 'store-unwritable', /EROFS; the file system is read-only/],
  ['ENOSPC', 'store-unwritable', /ENOSPC; make room there/],
  ['ENAMETOOLONG', 'socket-refused', /ENAMETOOLONG; keep its path below 90 characters$/],
  ['EINVAL', 'socket-refused', /EINVAL; keep its path below 90 characters$/],
  ['EMFILE', 'socket-refused', /cannot be created: EMFILE$/],
];

for (const [cause, code, remedy] of CASES) {
  test(`${cause} at the control socket gets the remedy of its cause`, () => {
    const refused = describeSocketRefusal('the control socket', failure(cause), PATH, '/var/lib/rackboot');
    assert.equal(refused.code, code);
    assert.match(refused.message, remedy);
    assert.ok(refused.message.startsWith(`the control socket ${PATH} cannot be created: ${cause}`));
  });
}

test('an error that already has a code keeps it', () => {
  const known = new RackError('already-running', 'another Rackboot answers');
  assert.equal(describeSocketRefusal('the control socket', known, PATH, '/var/lib/rackboot'), known);
});
