// Fields of JSON that are the same in every answer.

/** The start of version 2.0 of the API, in `resource_uri`. */
export const API_2 = '/MAAS/api/2.0';

const TESTED = ['cpu', 'memory', 'network', 'storage', 'interface', 'other'] as const;

/** How the tests of each kind of hardware stand: scripts of tests have no kind here, so there are none. */
export const TEST_STATUSES: Readonly<Record<string, unknown>> = Object.fromEntries(
  TESTED.flatMap((kind) => [
    [`${kind}_test_status`, -1],
    [`${kind}_test_status_name`, 'Unknown'],
  ]),
);
