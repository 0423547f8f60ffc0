import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openTreeAsOwner, openWorkDirectory } from '../../../src/cli/images/image-tree.ts';
import { missing } from '../../support/needs.ts';

const NOBODY = 65_534;

function stateDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-images-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, 'state');
}

test('without a state directory images are built in a new private directory, which is removed afterwards', () => {
  const first = openWorkDirectory(undefined);
  const second = openWorkDirectory(undefined);
  assert.notEqual(first.path, second.path);
  assert.equal(statSync(first.path).mode & 0o777, 0o700);
  writeFileSync(join(first.path, 'package'), '');
  for (const { path, close } of [first, second]) {
    close();
    assert.ok(!existsSync(path));
    assert.ok(existsSync(dirname(path)));
  }
});

test('in a state directory the work directory is reused', (t) => {
  const stateDir = stateDirectory(t);
  const first = openWorkDirectory(stateDir);
  assert.equal(statSync(first.path).mode & 0o777, 0o700);
  writeFileSync(join(first.path, 'package'), '');
  first.close();
  const second = openWorkDirectory(stateDir);
  assert.equal(second.path, first.path);
  assert.ok(existsSync(join(second.path, 'package')));
});

const laid: readonly { name: string; needs?: 'root'; lay: (path: string) => void }[] = [
  { name: 'writable by others', lay: (path) => makeWithMode(path, 0o777) },
  { name: 'writable by its group', lay: (path) => makeWithMode(path, 0o770) },
  { name: 'a link', lay: (path) => symlinkSync(tmpdir(), path) },
  { name: 'a file', lay: (path) => writeFileSync(path, '') },
  {
    name: "another user's",
    needs: 'root',
    lay: (path) => {
      makeWithMode(path, 0o755);
      chownSync(path, NOBODY, NOBODY);
    },
  },
];
for (const { name, needs, lay } of laid) {
  test(`a work directory that is ${name} is refused with the remedy`, {
    skip: needs === undefined ? false : missing(needs),
  }, (t) => {
    const stateDir = stateDirectory(t);
    mkdirSync(stateDir);
    lay(join(stateDir, 'images-work'));
    assert.throws(() => openWorkDirectory(stateDir), {
      code: 'store-unwritable',
      message: /images-work: remove it \(rm -r /,
    });
  });
}

function makeWithMode(path: string, mode: number): void {
  mkdirSync(path);
  chmodSync(path, mode);
}

interface ConfigCase {
  readonly name: string;
  /** Undefined: there is no file. */
  readonly text: string | undefined;
  readonly tree?: string;
  /** The code of the refusal; undefined: none. */
  readonly refused?: string;
  /** The release of the configuration used; undefined: none is used. */
  readonly used?: string;
}

const USABLE = 'region: { mode: embedded }\nboot: { release: trixie }\n';
const WRONG = 'boot: { relase: trixie }\n';
const CONFIG_CASES: readonly ConfigCase[] = [
  { name: 'a usable configuration', text: USABLE, tree: '/srv/boot', used: 'trixie' },
  { name: 'a usable configuration, without --tree', text: USABLE, used: 'trixie' },
  { name: 'a named file that is not there', text: undefined, tree: '/srv/boot', refused: 'config-unreadable' },
  { name: 'no configuration, without --tree', text: undefined, refused: 'config-unreadable' },
  { name: 'a misspelt key', text: WRONG, tree: '/srv/boot', refused: 'config-invalid' },
  { name: 'a file that is not YAML', text: 'boot: [', tree: '/srv/boot', refused: 'config-invalid' },
];

for (const { name, text, tree, refused, used } of CONFIG_CASES) {
  const outcome = refused === undefined ? `uses ${used ?? 'none'}` : 'is refused';
  test(`images build ${tree === undefined ? '' : 'with --tree '}on ${name} ${outcome}`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-images-test-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const config = join(directory, 'rackboot.yaml');
    if (text !== undefined) writeFileSync(config, `state_dir: ${directory}\n${text}`);
    const find = async () => (await openTreeAsOwner({ config, tree })).config;
    if (refused === undefined) assert.equal((await find())?.boot.commissioningRelease, used);
    else await assert.rejects(find, { code: refused });
  });
}

test('a tree in the state directory belongs to its owner, however its path is written', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-images-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [config, stateDir] = [join(directory, 'rackboot.yaml'), join(directory, 'state')];
  mkdirSync(stateDir);
  symlinkSync(stateDir, join(directory, 'link'));
  writeFileSync(config, `state_dir: ${stateDir}\n${USABLE}`);
  const inside = join(stateDir, 'boot');
  for (const tree of [
    inside,
    `${inside}/`,
    `${directory}/x/../state/boot`,
    `${directory}//state/boot`,
    join(directory, 'link/boot'),
    relative(process.cwd(), inside),
  ])
    assert.equal((await openTreeAsOwner({ config, tree })).stateDir, stateDir, tree);
  for (const tree of [join(directory, 'boot'), `${stateDir}-2/boot`, `${inside}/../../boot`])
    assert.equal((await openTreeAsOwner({ config, tree })).stateDir, undefined, tree);
});

test('a tree that a link of the state directory leads to is used as the owner of that directory', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-images-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [config, stateDir] = [join(directory, 'rackboot.yaml'), join(directory, 'state')];
  mkdirSync(stateDir);
  mkdirSync(join(directory, 'elsewhere'));
  symlinkSync(join(directory, 'elsewhere'), join(stateDir, 'boot'));
  symlinkSync(stateDir, join(directory, 'link'));
  writeFileSync(config, `state_dir: ${stateDir}\n${USABLE}`);
  for (const tree of [undefined, join(stateDir, 'boot'), join(directory, 'link/boot'), join(stateDir, 'boot/below')])
    assert.equal((await openTreeAsOwner({ config, tree })).stateDir, stateDir, tree);
});

test('images build does not treat an unreadable configuration as a missing one', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-images-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  await assert.rejects(() => openTreeAsOwner({ config: directory, tree: '/srv/boot' }), { code: 'config-unreadable' });
});
