// Errors of the file system below the boot tree: what a person reads names the path, and a remedy that helps.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { RackError } from '../../../src/ground/errors.ts';
import { asStoreError } from '../../../src/images/store/store-error.ts';
import { AS_NOBODY, NOBODY, nobodysCache, readableCheckout } from '../../support/another-user.ts';
import { missing } from '../../support/needs.ts';

const scratch = mkdtempSync(join(tmpdir(), 'rackboot-store-error-'));
after(() => rmSync(scratch, { recursive: true }));

const TREE = join(scratch, 'tree');
mkdirSync(join(TREE, 'directory/below'), { recursive: true });
for (const name of ['file', 'other']) writeFileSync(join(TREE, name), '');
mkdirSync(join(TREE, 'other-directory'));

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  assert.fail('there is no error');
}

/** An error of Node that a test cannot cause. */
const invented = (code: string, path?: string): Error =>
  Object.assign(new Error(`${code}: invented`), { code }, path === undefined ? {} : { path });

const CASES: readonly (readonly [what: string, error: unknown, said: string])[] = [
  [
    'a file in the place of a directory',
    errorOf(() => readdirSync(join(TREE, 'file'))),
    `${TREE} cannot be written (ENOTDIR): ${TREE}/file is not a directory: move it away`,
  ],
  [
    'a file above the place',
    errorOf(() => mkdirSync(join(TREE, 'file/generic/two'))),
    `${TREE} cannot be written (ENOTDIR): ${TREE}/file is not a directory: move it away`,
  ],
  [
    'a directory in the place of a file',
    errorOf(() => renameSync(join(TREE, 'file'), join(TREE, 'directory'))),
    `${TREE} cannot be written (EISDIR): ${TREE}/directory is a directory: move it away`,
  ],
  [
    'a directory with entries in the place of another',
    errorOf(() => renameSync(join(TREE, 'other-directory'), join(TREE, 'directory'))),
    `${TREE} cannot be written (ENOTEMPTY): ${TREE}/directory is in the way: move it away`,
  ],
  [
    'anything in the place of a new directory',
    errorOf(() => mkdirSync(join(TREE, 'other'))),
    `${TREE} cannot be written (EEXIST): ${TREE}/other is in the way: move it away`,
  ],
  ['a full disk', invented('ENOSPC'), `${TREE} cannot be written (ENOSPC): free space on its disk`],
  [
    'a full disk elsewhere',
    invented('ENOSPC', '/srv/packages/x.deb'),
    '/srv/packages cannot be written (ENOSPC): free space on its disk',
  ],
  [
    'a store on another disk than the boot tree',
    invented('EXDEV'),
    `${TREE} cannot be written (EXDEV): the directory images of the boot tree is on another file system; keep the whole tree on one`,
  ],
  [
    'a broken disk',
    invented('EIO', join(TREE, 'file')),
    `${TREE} cannot be written (EIO): check ${TREE}/file and its disk`,
  ],
];

for (const [what, error, said] of CASES)
  test(`${what} is told with its remedy`, () => {
    const found = asStoreError(error, TREE);
    assert.ok(found instanceof RackError);
    assert.deepEqual([found.code, found.message], ['store-unwritable', said]);
  });

test('an error of our own stays as it is', () => {
  for (const error of [new TypeError('x is not a function'), invented('ERR_INVALID_ARG_TYPE')])
    assert.equal(asStoreError(error, TREE), error);
});

const LOOK = `
  const [root, tree] = process.argv.slice(1);
  const { assertReplaceable, removePart } = await import(root + '/src/images/run/tree-parts.ts');
  const { asStoreError } = await import(root + '/src/images/store/store-error.ts');
  const { publishDirectory } = await import(root + '/src/images/store/directory-publication.ts');
  const say = ({ code, message }) => console.log(code + ' ' + message);
  try { assertReplaceable(tree, 'amd64/generic/two/install', 'debian'); } catch (error) { say(error); }
  await publishDirectory(tree + '/arm64/generic/two/install', [], () => undefined).catch((error) => say(asStoreError(error, tree)));
  await removePart(tree, { directory: 'bootloader/uefi/amd64', files: [] }).catch(say);
`;

test('a directory of another user is told with its owner', { skip: missing('linux', 'root', 'setpriv') }, () => {
  const tree = join(scratch, 'own');
  mkdirSync(join(tree, 'amd64/generic/two/install'), { recursive: true });
  mkdirSync(join(tree, 'arm64'));
  mkdirSync(join(tree, 'bootloader/uefi/amd64'), { recursive: true });
  chmodSync(join(tree, 'amd64/generic/two/install'), 0);
  chmodSync(scratch, 0o755);
  chownSync(tree, NOBODY, NOBODY);
  const { root, node } = readableCheckout();
  const [program = '', ...words] = [...AS_NOBODY, node, '--input-type=module', '-e', LOOK, root, tree];
  const env = { ...process.env, NODE_COMPILE_CACHE: nobodysCache() };
  const lines = execFileSync(program, words, { encoding: 'utf8', cwd: '/', env }).trim().split('\n');
  const give = 'give it to the user that runs Rackboot: sudo chown -R nobody:';
  const installer = `${tree}/amd64/generic/two/install`;
  assert.deepEqual(lines, [
    `tree-unreadable ${installer} cannot be read (EACCES): it belongs to root; run this with sudo, or ${give} ${installer}`,
    `store-unwritable ${tree} cannot be written (EACCES): ${tree}/arm64: it belongs to root; ${give} ${tree}`,
    `store-unwritable ${tree} cannot be written (EACCES): ${tree}/bootloader/uefi: it belongs to root; ${give} ${tree}`,
  ]);
});
