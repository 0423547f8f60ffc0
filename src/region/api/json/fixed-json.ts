// Fields of JSON that are the same in every answer: their text is made once, because long lists are made of it.

/** Where version 2.0 of the API begins, in `resource_uri`. */
export const API_2 = '/MAAS/api/2.0';

/** Fields with the same value in every answer. `text` is their JSON without the opening brace. */
export interface Fixed {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export const fixed = (fields: Readonly<Record<string, unknown>>): Fixed => ({
  fields,
  text: JSON.stringify(fields).slice(1),
});

/** The text of an object that has its own fields and then the fixed ones. */
export const textWith = (own: Record<string, unknown>, { text }: Fixed): string =>
  `${JSON.stringify(own).slice(0, -1)},${text}`;

const TESTED = ['cpu', 'memory', 'network', 'storage', 'interface', 'other'] as const;

/** How the tests of each kind of hardware stand: scripts of tests have no kind here, so there are none. */
export const TEST_STATUSES: Readonly<Record<string, unknown>> = Object.fromEntries(
  TESTED.flatMap((kind) => [
    [`${kind}_test_status`, -1],
    [`${kind}_test_status_name`, 'Unknown'],
  ]),
);
