// A rack whose region is elsewhere copies the region's images: with the same bytes and names, over HTTPS with the site's own authority, and
// continues after a kill. A copy goes when the region removes its image; images of the rack's own stay.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { formatImageName, readImages } from '../../src/images/image-store.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { makeAuthority } from '../support/authority.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

const MIB = 1024 * 1024;
const MS_MAX = 120_000;
const [REGION, FAR] = [labPlace(8), labPlace(9)];

describe('a rack apart from its region', { skip: missing('linux', 'openssl') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-rack-images-'));
  const authority = makeAuthority(scratch, systemClock.wallTimeMs());
  const { cert, key } = authority.issue('region');
  const port = REGION.regionPort + 1000;
  const tls = `tls: { cert: "${cert}", key: "${key}", listen: ["127.0.0.1:${port}"] }`;
  const region = new RunningRack(REGION, (text) => text.replace(/^region: \{/m, `region: { ${tls},`));
  const url = `url: ["https://127.0.0.1:9/MAAS", "https://127.0.0.1:${port}/MAAS"]`;
  const far = new RunningRack(FAR, (text) =>
    text
      .replace(/^name: .*$/m, 'name: far')
      .replace(/^region: .*$/m, `region: { mode: remote, ${url}, ca_file: "${authority.caFile}" }`),
  );
  const namesIn = (rack: RunningRack): readonly string[] =>
    readImages(rack.tree)
      .images.map((image) => `${formatImageName(image)} ${image.sha256}`)
      .sort();
  const add = async (rack: RunningRack, release: string, disk: Uint8Array): Promise<void> => {
    const file = join(scratch, 'disk.img');
    writeFileSync(file, disk);
    const flags = ['--os', 'debian', '--release', release, '--tree', rack.tree];
    const { code, complaints } = await runRackboot(['images', 'add', file, ...flags]);
    assert.equal(code, 0, complaints.join('\n'));
  };

  before(async () => {
    await region.startWhole();
    await add(region, 'bookworm', makeSystemDisk(16 * MIB, 1));
    // Nobody could start it; whoever added it knows.
    await add(
      region,
      'trixie',
      Buffer.concat([makeSystemDisk(MIB, 2).subarray(0, 512).fill(0, 0, 440), makeSystemDisk(MIB, 2).subarray(512)]),
    );
    await far.start();
    await add(far, 'own', makeSystemDisk(MIB, 3));
    await far.reported('region.pending');
  });
  after(async () => {
    await far.remove();
    await region.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('has none of its images before it is accepted', { timeout: MS_MAX }, () => {
    assert.deepEqual(
      readImages(far.tree).images.map(({ release }) => release),
      ['own'],
    );
  });

  test('has all of them then, continued after a kill, and its own', { timeout: MS_MAX }, async () => {
    const accepted = await runRackboot(['racks', 'accept', 'far', '--config', region.configFile]);
    assert.equal(accepted.code, 0, accepted.complaints.join('\n'));
    const own = namesIn(far);
    await eventually('a copy is under way or done', () => existsSync(join(far.tree, 'images', '.downloads')), 30_000);
    await far.kill();
    await far.start();
    await eventually('all are there', () => namesIn(far).length === 3, 60_000);
    assert.deepEqual(namesIn(far), [...namesIn(region), ...own].sort());
    assert.deepEqual(readdirSync(join(far.tree, 'images', '.downloads')), []);
    await eventually(
      'the region knows that the rack has them',
      async () => {
        return JSON.stringify(await region.ask('/MAAS/api/2.0/nodegroups/')).includes('bookworm');
      },
      60_000,
    );
  });

  test('loses what the region removes, and its bytes stay for a while; what is its own stays', {
    timeout: MS_MAX,
  }, async () => {
    const gone = readImages(far.tree).images.find(({ release }) => release === 'bookworm');
    const blob = join(far.tree, 'images', gone?.sha256.slice(0, 2) ?? '', `${gone?.sha256}.img`);
    const { code } = await runRackboot(['images', 'remove', 'debian/bookworm', '--config', region.configFile]);
    assert.equal(code, 0);
    // The rack looks every five minutes, and when it starts.
    await far.kill();
    await far.start();
    await eventually('it is gone', () => !namesIn(far).some((name) => name.includes('bookworm')), 60_000);
    assert.ok(statSync(existsSync(blob) ? blob : `${blob}.zst`).size > 0);
    assert.deepEqual(
      readImages(far.tree)
        .images.map(({ release }) => release)
        .sort(),
      ['own', 'trixie'],
    );
  });
});
