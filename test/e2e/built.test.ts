// What `npm run build` makes runs alone: a folder with bin/, dist/, config/ and koffi, but neither sources nor other packages.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { makeDisk } from '../images/disks.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PLACE = labPlace(132);
const METRICS = `${PLACE.octets}.1:5249`;

/** The files below a directory, and what is in them. */
const digests = (directory: string): readonly string[] =>
  globSync('**', { cwd: directory, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => `${path.slice(directory.length)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`)
    .sort();

describe('a built Rackboot', { skip: missing('linux') }, () => {
  let folder = '';
  const at = (...names: readonly string[]): string => join(folder, ...names);
  const build = (place: string): void =>
    void execFileSync(process.execPath, [join(ROOT, 'bin', 'build.js'), place], { stdio: 'pipe' });
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rackboot-built-'));
    for (const name of ['bin', 'config', 'package.json']) cpSync(join(ROOT, name), at(name), { recursive: true });
    for (const name of ['koffi', '@koromix'])
      if (existsSync(join(ROOT, 'node_modules', name)))
        cpSync(join(ROOT, 'node_modules', name), at('node_modules', name), { recursive: true });
    build(at('dist'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('a second build has the same bytes', () => {
    build(at('again'));
    const first = digests(at('dist'));
    assert.ok(
      first.some((line) => line.startsWith('/main.js ')),
      first.join('\n'),
    );
    assert.deepEqual(digests(at('again')), first);
  });

  test('it boots and enlists a machine, adds an image, and starts the next time with the code that it kept', async () => {
    const rack = new RunningRack(PLACE);
    const compileCache = at('cache');
    const start = () => rack.start({ main: at('dist', 'main.js'), compileCache, belongsToLab: false });
    const rackboot = (...words: readonly string[]): string =>
      execFileSync(process.execPath, [at('bin', 'rackboot.js'), ...words, '--config', rack.configFile], {
        encoding: 'utf8',
        env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
      });
    try {
      await start();
      await rack.reported('region.up');
      // The rehearsal is over.
      await eventually('the code is kept', () => existsSync(join(compileCache, 'cli-rack-service.code')));
      const metrics = await (await fetch(`http://${METRICS}/metrics`)).text();
      const counts = [...metrics.matchAll(/^rackboot_dhcp_(?:messages_total|leases)(?:\{.*\})? (\d+)$/gm)];
      assert.ok(counts.length > 1, metrics);
      assert.deepEqual(new Set(counts.map(([, count]) => count)), new Set(['0']));
      assert.deepEqual(
        rack.lines.filter(({ event }) => /^dhcp\.(?!socket-open)/.test(event)),
        [],
      );
      const { kind } = await bootSimulatedMachine(PLACE, 0, () => undefined);
      assert.equal(kind, 'enlisted');
      const script = readFileSync(at('dist', 'web', 'page.js'), 'utf8');
      const digest = createHash('sha256').update(script).digest('hex').slice(0, 12);
      const asset = await fetch(`http://127.0.0.1:${PLACE.regionPort}/MAAS/assets/page-${digest}.js`);
      assert.deepEqual([asset.status, await asset.text()], [200, script]);
      const disk = join(rack.directory, 'disk.img');
      writeFileSync(disk, makeDisk(1024 * 1024, 'mbr'));
      rackboot('images', 'add', disk, '--os', 'custom', '--release', 'own');
      assert.match(rackboot('images', 'list'), /own/);
      await rack.stop();
      const kept = digests(compileCache).filter((line) => line.includes('.code '));
      assert.deepEqual(
        kept.map((line) => line.split(' ')[0]),
        [
          '/cli-command-line.code',
          '/cli-rack-service.code',
          '/threads-images.code',
          '/threads-journal.code',
          '/threads-network.code',
          '/threads-region.code',
          '/threads-tftp.code',
        ],
      );
      await start();
      await rack.reported('region.up', { from: rack.lines.length - 1 });
      await rack.stop();
      assert.deepEqual(
        digests(compileCache).filter((line) => line.includes('.code ')),
        kept,
        'V8 took all of it',
      );
    } finally {
      await rack.remove();
    }
  });

  test('a checkout runs from its sources as soon as one of them is newer', () => {
    const checkout = at('checkout');
    for (const name of ['src/deep', 'dist', 'node_modules']) mkdirSync(join(checkout, name), { recursive: true });
    cpSync(at('bin'), join(checkout, 'bin'), { recursive: true });
    writeFileSync(join(checkout, 'package.json'), '{ "type": "module" }\n');
    writeFileSync(join(checkout, 'src', 'deep', 'text'), '');
    writeFileSync(join(checkout, 'src', 'main.ts'), "console.log('sources');\n");
    writeFileSync(join(checkout, 'dist', 'main.js'), "console.log('built');\n");
    writeFileSync(join(checkout, 'dist', 'package.json'), '{ "type": "commonjs" }\n');
    const run = (): string =>
      execFileSync(process.execPath, [join(checkout, 'bin', 'rackboot.js')], { encoding: 'utf8' }).trim();
    const later = Date.now() / 1000 + 60;
    utimesSync(join(checkout, 'dist', 'package.json'), later, later);
    assert.equal(run(), 'built');
    utimesSync(join(checkout, 'src', 'deep', 'text'), later + 60, later + 60);
    assert.equal(run(), 'sources');
  });
});
