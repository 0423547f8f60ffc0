// `rackboot reset` on a rack that has run: it refuses while the rack runs, asks, and leaves nothing behind.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { describeFile, encodeManifest } from '../../src/images/store/publication.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { addAdmin } from '../region/accounts/administrator.ts';
import { missing } from '../support/needs.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { RunningRack, runRackboot } from '../support/running-rack.ts';

/** The names below a directory; empty if it is missing. */
const below = (directory: string): readonly string[] => (existsSync(directory) ? readdirSync(directory) : []);

/** Gives the files of a directory a manifest, as those who make boot environments and loaders do. */
function describeFiles(directory: string, manifest: string): void {
  const names = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  const files = names.map(({ name }) => describeFile({ name, data: readFileSync(join(directory, name)) }));
  writeFileSync(join(directory, manifest), encodeManifest({ schema: 1, packages: [], files }).data);
}

const rack = new RunningRack(labPlace(131));
const caches = mkdtempSync(join(tmpdir(), 'rackboot-caches-'));
process.env.XDG_CACHE_HOME = caches;
const call = (...words: readonly string[]) => rack.rackboot(...words);

before(async () => {
  for (const name of ['debian-bookworm-amd64', 'compiled'])
    mkdirSync(join(caches, 'rackboot', name), { recursive: true });
  describeFiles(rack.tree, '.loaders-amd64.json');
  describeFiles(join(rack.tree, 'amd64/generic/bookworm/commissioning'), 'manifest.json');
  await rack.startWhole();
});
after(async () => {
  await rack.remove();
  rmSync(caches, { recursive: true });
});

test('a rack that runs is not reset', async () => {
  const { code, complaints } = await call('reset', '--yes');
  assert.deepEqual([code, complaints.length], [1, 1]);
  assert.match(complaints[0] ?? '', /another Rackboot already runs here .*stop it first/);
  assert.ok((await rack.status()).pid > 0);
});

test('without a terminal it removes nothing before --yes is given, and names all that it would remove', async () => {
  await rack.stop();
  const former = below(rack.stateDir);
  const { code, output, complaints } = await call('reset');
  assert.equal(code, 2, complaints.join());
  assert.match(complaints.at(-1) ?? '', /no terminal to ask for confirmation: add --yes.*nothing was changed/);
  const said = output.join('\n');
  for (const words of ['This removes for good:', 'region.db', 'leases.db', 'images and boot environments', rack.tree])
    assert.ok(said.includes(words), `${words}: ${said}`);
  assert.match(said, /packages for further images, which every Rackboot of this host uses, .*debian-bookworm-amd64/);
  assert.deepEqual(below(rack.stateDir), former);
});

test('with --keep-images the images and the packages of the host stay, and a file of somebody else stays in any case', async () => {
  writeFileSync(join(rack.stateDir, 'notes.txt'), 'mine\n');
  const images = below(rack.tree);
  assert.ok(images.length > 0);
  const { code, output, complaints } = await call('reset', '--yes', '--keep-images');
  assert.equal(code, 0, complaints.join());
  assert.match(output.join('\n'), /The images in .* stay\.[\s\S]*Left, because they are not Rackboot's: .*notes\.txt/);
  assert.deepEqual([below(rack.stateDir), below(rack.tree)], [['notes.txt'], images]);
  assert.match(output.join('\n'), /The packages in .* stay\./);
  assert.deepEqual(below(join(caches, 'rackboot')), ['compiled', 'debian-bookworm-amd64']);
});

test('the rack then starts as on its first day, and after a whole reset nothing is left', async () => {
  await rack.startWhole();
  assert.deepEqual((await call('users', 'list', '--json')).output, ['[]']);
  await rack.kill();
  const { code, output, complaints } = await call('reset', '--yes', '--json');
  assert.equal(code, 0, complaints.join());
  const { removed, left } = JSON.parse(output.join('\n'));
  assert.ok(removed.some(({ path }: { path: string }) => path === join(rack.stateDir, 'region.db')));
  assert.deepEqual(left, [join(rack.stateDir, 'notes.txt')]);
  assert.deepEqual([below(rack.stateDir), below(rack.tree)], [['notes.txt'], []]);
  assert.deepEqual(below(join(caches, 'rackboot')), ['compiled']);
  assert.match((await call('reset')).output.join('\n'), /There is nothing to remove/);
});

test('a boot tree that holds more than images is refused', async () => {
  writeFileSync(join(rack.directory, 'wide.yaml'), `state_dir: ${rack.stateDir}\nboot: { tree: ${rack.directory} }\n`);
  const { code, complaints } = await runRackboot(['reset', '--yes', '--config', join(rack.directory, 'wide.yaml')]);
  assert.equal(code, 2, complaints.join());
  assert.match(complaints.join(), /holds more than images.*--keep-images/);
  assert.ok(existsSync(rack.configFile));
});

if (HAS_MANY_ROUNDS)
  test('a region on PostgreSQL leaves its database empty, and is refused while it runs', {
    skip: missing('linux', '/usr/lib/postgresql'),
  }, async () => {
    const server = await PostgresServer.start();
    try {
      const name = await server.makeDatabase();
      const place = server.placeOf(name);
      const region = await openPostgresRegion(place, 'one');
      await addAdmin(region, systemClock, { username: 'admin', email: '', password: 'long enough' });
      const file = join(rack.directory, 'region.yaml');
      const state = join(rack.directory, 'region-state');
      writeFileSync(
        file,
        `state_dir: ${state}\nregion: { store: { kind: postgresql, url: ${JSON.stringify(place.url)} } }\n`,
      );
      const refused = await runRackboot(['reset', '--yes', '--config', file]);
      assert.equal(refused.code, 1);
      assert.match(refused.complaints.join(), /processes of a region run on this database/);
      await region.close();
      const done = await runRackboot(['reset', '--yes', '--config', file]);
      assert.equal(done.code, 0, done.complaints.join());
      assert.match(done.output.join('\n'), /every table of the region in postgresql:/);
      const left = 'SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace';
      assert.deepEqual(await server.query(left, name), []);
      const again = await openPostgresRegion(place, 'two');
      assert.equal(await again.accounts.findUser('admin'), undefined);
      await again.close();
    } finally {
      await server.close();
    }
  });
