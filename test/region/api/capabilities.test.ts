// The capabilities that the version names are those of which clients use every one: what each promises is shown by the tests of networks, devices,
// disks and sign-in. 1.0 has no objects of the others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withCallers } from './callers-place.ts';

const BOTH = ['networks-management', 'static-ipaddresses', 'authenticate-api'];
const ONLY_NEW: Readonly<Record<string, string>> = {
  'devices-management': 'devices/',
  'storage-deployment-ubuntu': 'nodes/ID/blockdevices/',
  'network-deployment-ubuntu': 'spaces/',
  'bridging-interface-ubuntu': 'nodes/ID/interfaces/',
  'bridging-automatic-ubuntu': 'nodes/ID/interfaces/',
};

test('each version names its capabilities, and 1.0 lacks the objects of those of 2.0 alone', () =>
  withCallers(async ({ ask, systemId }) => {
    const named = async (path: string): Promise<readonly string[]> =>
      (await ask('nobody', 'GET', path)).json.capabilities.toSorted();
    assert.deepEqual(await named('1.0/version/'), BOTH.toSorted());
    assert.deepEqual(await named('version/'), [...BOTH, ...Object.keys(ONLY_NEW)].toSorted());
    // 1.0 lists devices, and makes none.
    for (const path of Object.values(ONLY_NEW)) {
      const { status } = await ask('root', 'POST', `1.0/${path.replace('ID', systemId)}`, {});
      assert.ok([404, 405].includes(status), `${path}: ${status}`);
    }
  }));
