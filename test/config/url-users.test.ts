// No value that everybody may see takes a URL with a user name or a password: not in a file, nor in the store, nor among the parameters of a
// machine's power. A URL that an earlier version stored is used without them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { showValue } from '../../src/config/difference.ts';
import { isSecretKey } from '../../src/config/keys.ts';
import { parseConfig } from '../../src/config/load.ts';
import { storeSchema } from '../../src/config/region-store.ts';
import { writtenConfigSchema } from '../../src/config/written.ts';
import { writtenSource } from '../../src/images/sources/written-source.ts';
import { settingsWithoutCredentials } from '../../src/machines/settings.ts';
import { webhook } from '../../src/power/webhook.ts';

/** URLs in the forms that values may want. */
const URLS = ['http', 'https', 'postgresql'].flatMap((scheme) =>
  ['', '/', '/MAAS', '/debian/'].flatMap((path) => [
    `${scheme}://me:Se99cret@host.example:5240${path}`,
    `${scheme}://me@host.example:5240${path}`,
  ]),
);

/** The last words of keys whose values are texts of any content, and why no URL with a password is expected there. */
const FREE: Readonly<Record<string, string>> = {
  circuit_id: 'sent by a relay',
  client_id: 'sent by a client',
  remote_id: 'sent by a relay',
  user_class: 'sent by a client',
  vendor_class: 'sent by a client',
  data: 'a record of DNS',
  kernel_params: 'given to every machine',
  name: 'a name',
  options: 'given to every client',
  default_pool_description: 'a description',
  default_zone_description: 'a description',
  arguments: 'of a profile, which every machine may see',
  script: 'the same',
  title: 'a title',
  tree: 'a path',
  why: 'a reason',
  'store.url': 'the user of a database, and no password',
};

/** The texts in a schema that take one of the URLs, by their keys. */
function* takers(schema: unknown, key: string): Iterable<readonly [key: string, url: string]> {
  const inner = schema instanceof z.ZodType ? partsOf(schema) : [];
  for (const [name, part] of inner) yield* takers(part, [key, name].filter((one) => one !== '').join('.'));
  if (inner.length > 0 || !(schema instanceof z.ZodType)) return;
  for (const url of URLS) if (schema.safeParse(url).success) yield [key, url];
}

function partsOf(schema: z.ZodType): readonly (readonly [name: string, schema: unknown])[] {
  if (schema instanceof z.ZodObject) return Object.entries(schema.shape);
  if (schema instanceof z.ZodArray) return [['', schema.element]];
  if (schema instanceof z.ZodRecord) return [['', schema.valueType]];
  if (schema instanceof z.ZodUnion) return schema.options.map((one) => ['', one] as const);
  if (schema instanceof z.ZodPipe && schema.in instanceof z.ZodTransform) return [['', schema.out]];
  const isWrapped =
    schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault;
  return isWrapped ? [['', schema.unwrap()]] : [];
}

test('no value takes a URL with a user name or a password, unless it is secret', () => {
  const found = [
    ...takers(writtenConfigSchema, ''),
    ...takers(storeSchema, 'store'),
    ...takers(writtenSource, 'sources'),
    ...takers(webhook.parameters, 'power'),
  ];
  const freeOf = (key: string): string => (key === 'store.url' ? key : (key.split('.').at(-1) ?? ''));
  const isFree = (key: string): boolean => FREE[freeOf(key)] !== undefined || isSecretKey(key);
  const keys = [...new Set(found.map(([key]) => key))];
  assert.deepEqual(
    keys.filter((key) => !isFree(key) && !/^power\.power_(?:pass|user|token|(?:on|off)_regex)$/.test(key)),
    [],
  );
  const unused = Object.keys(FREE).filter((name) => !keys.some((key) => freeOf(key) === name));
  assert.deepEqual(unused, [], 'these take no such URL: remove them');
  assert.deepEqual(
    found.filter(([key, url]) => key === 'store.url' && url.includes('Se99cret')),
    [],
  );
});

const CONFIG = 'name: rack-1\nstate_dir: /var/lib/rackboot\n';
const SECRET = 'http://me:Se99cret@10.9.9.9/x';

/** Values of the store, those with which they are used, with a part that nobody may see. */
const STORED = [
  ['preseeds.debian_mirror', { preseeds: { debian_mirror: SECRET } }],
  ['preseeds.ubuntu_mirror', { preseeds: { ubuntu_mirror: SECRET } }],
  ['preseeds.ubuntu_ports_mirror', { preseeds: { ubuntu_ports_mirror: SECRET } }],
  ['region.public_url', { region: { public_url: SECRET } }],
  ['boot.loaders', { boot: { loaders: { ipxe: SECRET } } }],
] as const;

for (const [key, stored] of STORED)
  test(`${key} with a password is refused without showing it, and one of an earlier version is used without it`, () => {
    const refused = parseConfig(CONFIG, stored);
    assert.ok(!refused.ok);
    const [problem] = refused.problems;
    assert.match(`${problem?.path}: ${problem?.message}`, new RegExp(`^${key}.*without a user name and password`));
    assert.doesNotMatch(JSON.stringify(refused), /Se99cret/);
    const used = settingsWithoutCredentials(stored);
    assert.deepEqual(JSON.parse(JSON.stringify(stored).replace('me:Se99cret@', '')), used);
    assert.ok(parseConfig(CONFIG, used).ok);
    assert.equal(settingsWithoutCredentials(used), used);
  });

for (const key of ['debian_mirror', 'ubuntu_mirror', 'ubuntu_ports_mirror'])
  for (const end of ['?token=Se99cret', '#Se99cret', '?'])
    test(`preseeds.${key} ending in ${end} is refused, and one of an earlier version is used without it`, () => {
      const url = 'http://10.9.9.9/x';
      const stored = { preseeds: { [key]: url + end } };
      const refused = parseConfig(CONFIG, stored);
      assert.ok(!refused.ok);
      assert.match(refused.problems[0]?.message ?? '', /without \? and #/);
      const used = settingsWithoutCredentials(stored);
      assert.deepEqual(used, { preseeds: { [key]: url } });
      assert.ok(parseConfig(CONFIG, used).ok);
    });

test('a shown value has no user name and password of a URL', () => {
  assert.equal(showValue('dhcp.options', [{ name: 'x', value: SECRET }]), '[{name: x, value: http://10.9.9.9/x}]');
});
