// A region with its API on a loopback port, on the real clock.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSettingsRules } from '../../src/config/settings-rules.ts';
import { parseNetwork } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import type { ApiProblem } from '../../src/region/api/call/problem.ts';
import type { RegionConfig } from '../../src/region/config.ts';
import type { RegionApi } from '../../src/region/http/listening.ts';
import { startApi } from '../../src/region/http/server.ts';
import { openRegion, type Region, type RegionOptions } from '../../src/region/region.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { authorizationOf } from '../support/oauth.ts';
import { addAdmin } from './accounts/administrator.ts';

export const PASSWORD = 'correct horse';

export interface LiveRegion {
  readonly region: Region;
  readonly api: RegionApi;
  readonly config: RegionConfig;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly port: number;
  /** The `Authorization` header of an administrator's key. */
  readonly authorization: string;
  readonly problems: ApiProblem[];
  close(): Promise<void>;
}

/** @param parts of the region: its store, by default in a file of its own; power, images */
export async function startRegion(
  overrides: Partial<RegionConfig> = {},
  parts: Partial<
    Pick<
      RegionOptions,
      | 'store'
      | 'power'
      | 'findImage'
      | 'fileSources'
      | 'listImages'
      | 'openImageStream'
      | 'isOnDuty'
      | 'uploadFiles'
      | 'askOffers'
      | 'freeBytes'
    >
  > = {},
): Promise<LiveRegion> {
  const stateDir = overrides.stateDir ?? mkdtempSync(join(tmpdir(), 'rackboot-region-'));
  const loopback = parseNetwork('127.0.0.0/8');
  const config: RegionConfig = {
    listen: [{ host: '127.0.0.1', port: 0 }],
    stateDir,
    managedNetworks: loopback === undefined ? [] : [loopback],
    domain: 'maas',
    newMachinesMax: 100_000,
    rackSecret: 'a-secret-of-the-rack',
    controlSecret: 'a-secret-of-the-control-socket',
    ...overrides,
  };
  const store = parts.store ?? openRegionStore({ stateDir });
  const region = await openRegion({
    config,
    clock: systemClock,
    rules: makeSettingsRules(() => []),
    ...parts,
    store,
    onDesiredState: () => {},
  });
  if ((await store.accounts.findUser('admin')) === undefined)
    await addAdmin(store, systemClock, { username: 'admin', email: '', password: PASSWORD });
  const problems: ApiProblem[] = [];
  const api = await startApi(region, config, { onProblem: (problem) => void problems.push(problem) });
  const port = Number(/:(\d+)$/.exec(api.addresses[0] ?? '')?.[1]);
  return {
    region,
    api,
    config,
    origin: `http://127.0.0.1:${port}`,
    port,
    authorization: authorizationOf(await createApiKey(store, systemClock, 'admin')),
    problems,
    async close() {
      await api.close();
      region.close();
      await store.close();
      rmSync(stateDir, { recursive: true });
    },
  };
}
