// Paths of resources that MAAS has and the region does not: 404 with the name of the resource, to everybody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { withSite } from '../api/sent/trial.ts';

const MISSING = [
  ...['vm-hosts', 'vm-clusters', 'pods', 'package-repositories', 'dhcp-snippets', 'notifications', 'reservedips'],
  ...['license-keys', 'license-key', 'commissioning-results'],
];
const MISSING_OF_MACHINES = [
  ...['bcaches', 'bcache', 'bcache-cache-sets', 'bcache-cache-set', 'vmfs-datastores', 'vmfs-datastore'],
];

test('a resource of MAAS that is missing here is refused by its name', () =>
  withSite(async ({ ask }) => {
    const paths = [
      ...MISSING.flatMap((name) => [`2.0/${name}/`, `2.0/${name}/7/`, `1.0/${name}`]),
      ...MISSING_OF_MACHINES.flatMap((name) => [`2.0/nodes/a1/${name}/`, `2.0/machines/a1/${name}/7/`]),
    ];
    for (const path of paths)
      for (const method of ['GET', 'POST'] as const) {
        const { status, text } = await ask(method, path);
        const name = path.split('/').find((part) => [...MISSING, ...MISSING_OF_MACHINES].includes(part));
        const said = `${name} is a resource of MAAS that Rackboot does not have.`;
        assert.deepEqual([status, text], [404, said], `${method} ${path}`);
      }
    for (const path of ['2.0/nothing/', '2.0/nodes/a1/nothing/', '2.0/tags/a/pods/x/'])
      assert.deepEqual(
        [(await ask('GET', path)).status, (await ask('GET', path)).text],
        [404, 'Nothing is here.'],
        path,
      );
  }));

test('the region has none of the resources that it says are missing', () => {
  const parts = new Set(OPERATIONS.flatMap(({ path }) => path.split('/')));
  assert.deepEqual(
    [...MISSING, ...MISSING_OF_MACHINES].filter((name) => parts.has(name)),
    [],
  );
});
