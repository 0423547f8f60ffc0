// A region that imports images, as the daemon runs it, for tests in a browser. Its own source is a site on loopback.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/ground/clock.ts';
import { type ServedRegion, serveRegion } from '../../src/region-host/served-region.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { addAdmin } from '../region/accounts/administrator.ts';
import { PASSWORD } from '../region/live.ts';
import { ImageSite } from '../support/image-site.ts';

const MIB = 2 ** 20;

export interface ImportingRegion {
  readonly origin: string;
  readonly tree: string;
  /** Not yet open, with ubuntu/noble and ubuntu/jammy. */
  readonly site: ImageSite;
  readonly served: ServedRegion;
  readonly scratch: string;
  close(): Promise<void>;
}

/** The shipped sources are on the Internet, which a test neither waits for nor burdens: this proxy refuses every question, at once. */
const WITHOUT_INTERNET = {
  http_proxy: 'http://127.0.0.1:1',
  https_proxy: 'http://127.0.0.1:1',
  no_proxy: '127.0.0.1',
} as const;

/** Starts one with the administrator of `startRegion`. */
export async function startImporting(): Promise<ImportingRegion> {
  Object.assign(process.env, WITHOUT_INTERNET);
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-page-images-'));
  const [stateDir, tree] = [join(scratch, 'state'), join(scratch, 'tree')];
  for (const path of [stateDir, tree]) mkdirSync(path);
  const site = new ImageSite(join(scratch, 'site'));
  const store = openRegionStore({ stateDir });
  await addAdmin(store, systemClock, { username: 'admin', email: '', password: PASSWORD });
  const served = await serveRegion({
    config: {
      listen: [{ host: '127.0.0.1', port: 0 }],
      stateDir,
      managedNetworks: [],
      domain: 'maas',
      newMachinesMax: 10,
      rackSecret: 'a-secret-of-the-rack',
      controlSecret: 'a-secret-of-the-control-socket',
      imageTree: tree,
    },
    store,
    hasRack: false,
    onDesiredState: () => undefined,
    onProblem: (_, note) => assert.fail(JSON.stringify(note)),
  });
  site.write([
    { release: 'noble', serial: '20261015', content: makeSystemDisk(8 * MIB, 3) },
    { release: 'jammy', serial: '20260901', content: makeSystemDisk(8 * MIB, 4) },
  ]);
  const port = /:(\d+)$/.exec(served.api.addresses[0] ?? '')?.[1];
  return {
    origin: `http://127.0.0.1:${port}`,
    tree,
    site,
    served,
    scratch,
    async close() {
      await served.close();
      site.close();
      rmSync(scratch, { recursive: true });
    },
  };
}

export async function withImporting(work: (place: ImportingRegion) => Promise<void>): Promise<void> {
  const place = await startImporting();
  try {
    await work(place);
  } finally {
    await place.close();
  }
}
