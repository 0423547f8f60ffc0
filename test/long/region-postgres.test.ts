// The region's database in PostgreSQL: the rest of the contract, on a real server.
// @host alone
// @disk

import { after, before, describe } from 'node:test';
import { testAreaStore } from '../contract/area-store.ts';
import { testBootStore } from '../contract/boot-store.ts';
import { testFileStore } from '../contract/file-store.ts';
import { testLoginStore } from '../contract/login-store.ts';
import { testMachineStamps } from '../contract/machine-stamps.ts';
import { testNetworkStore } from '../contract/network-store.ts';
import { postgresStorePlace } from '../contract/postgres-store-place.ts';
import { testScriptStore } from '../contract/script-store.ts';
import { testSessionStore } from '../contract/session-store.ts';
import { testSshKeyStore } from '../contract/ssh-key-store.ts';
import type { StorePlace } from '../contract/store-place.ts';
import { testUploadStore } from '../contract/upload-store.ts';
import { missing } from '../support/needs.ts';
import { RegionDatabases } from '../support/postgres-server.ts';

let databases: RegionDatabases;

describe('a region in PostgreSQL, further', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases.close());

  const makePlace = (): StorePlace => postgresStorePlace(() => databases);
  const title = 'PostgreSQL';
  testLoginStore(title, makePlace);
  testSessionStore(title, makePlace);
  testSshKeyStore(title, makePlace);
  testScriptStore(title, makePlace);
  testBootStore(title, makePlace);
  testNetworkStore(title, makePlace);
  testUploadStore(title, makePlace);
  testAreaStore(title, makePlace);
  testFileStore(title, makePlace);
  testMachineStamps(title, makePlace);
});
