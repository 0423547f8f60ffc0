// The configuration file of a region apart from its racks: what it may hold, its store, its merge with the settings of the store, and the
// remedy for each key that belongs elsewhere.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfigFile } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadRegionFile, resolveRegionFile, selectRegionSettings } from '../../src/config/region-file.ts';
import { loadStoreLocation } from '../../src/config/region-store.ts';
import { LOOPBACK } from '../../src/ground/address.ts';
import { isFields } from '../../src/ground/fields.ts';
import { type Settings, valueAt } from '../../src/machines/settings.ts';

const SECRET = 'hunter2-hunter2';

function parse(text: string, stored: Settings = {}) {
  const read = readConfigFile(text);
  if (!read.ok) assert.fail(JSON.stringify(read.problems));
  return resolveRegionFile(read.file, selectRegionSettings(stored));
}

function configOf(text: string, stored: Settings = {}) {
  const parsed = parse(text, stored);
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  return parsed.config;
}

/** The problems of a file with this `region`. */
function problemsOf(text: string): readonly string[] {
  const parsed = parse(text);
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path}: ${message}`);
}

test('a state directory is enough: the region then listens on loopback, and its data is in region.db', () => {
  const config = configOf('state_dir: /tmp/s\n');
  assert.deepEqual(config.region.listen, [{ host: '127.0.0.1', port: 5240 }]);
  assert.deepEqual(config.metrics.listen, [{ address: LOOPBACK, port: 5250 }], 'a rack on this host has 5249');
  assert.deepEqual(config.store, { kind: 'sqlite' });
  assert.deepEqual(config.region.managedNetworks, []);
  assert.equal(config.region.imageTree, undefined);
  assert.equal(config.region.stateDir, '/tmp/s');
});

test('the shipped example is valid and has every key; those in comments, too', () => {
  const example = readFileSync(join(import.meta.dirname, '../../config/region.yaml'), 'utf8');
  assert.equal(configOf(example).name, 'hall');
  // A comment of a key that stands at its margin.
  const whole = example
    .replaceAll(/^( *)# (?=(?: {2})*[a-z_]+:(?: |$))/gm, '$1')
    .replace('kind: sqlite', 'kind: postgresql');
  const config = configOf(whole);
  assert.equal(config.store.kind, 'postgresql');
  assert.equal(config.region.tls?.cert, '/etc/rackboot/region.pem');
  const parsed = parse(whole);
  const keysOf = (value: unknown, prefix = ''): readonly string[] =>
    Object.entries(Object(value)).flatMap(([name, below]) =>
      isFields(below) && prefix + name !== 'log.levels' ? keysOf(below, `${prefix}${name}.`) : [prefix + name],
    );
  if (!parsed.ok) assert.fail();
  assert.deepEqual(
    keysOf(parsed.written).filter((key) => valueAt(parsed.file.values, key) === undefined),
    [],
  );
});

test('PostgreSQL has a URL, files of the password and of certificates, and 10 connections unless told otherwise', () => {
  const store = (more: string) =>
    configOf(`state_dir: /tmp/s\nregion: { store: { kind: postgresql, ${more} } }\n`).store;
  assert.deepEqual(store('url: "postgresql://rackboot@db.example:5432/rackboot"'), {
    kind: 'postgresql',
    url: 'postgresql://rackboot@db.example:5432/rackboot',
    passwordFile: undefined,
    caFile: undefined,
    pool: 10,
  });
  assert.deepEqual(store('url: "postgres://db/rackboot", password_file: /etc/p, ca_file: /etc/ca.pem, pool: 100'), {
    kind: 'postgresql',
    url: 'postgres://db/rackboot',
    passwordFile: '/etc/p',
    caFile: '/etc/ca.pem',
    pool: 100,
  });
});

test('each fault of region.store is named with its remedy', () => {
  const url = 'url: "postgresql://db/rackboot"';
  for (const [store, expected] of [
    ['{ kind: mysql }', /^region\.store\.kind: expected sqlite .* or postgresql .*, found "mysql"/],
    ['{ kind: postgresql }', /^region\.store\.url: missing: .*add the URL, such as postgresql:/],
    [
      '{ kind: postgresql, url: "db.example" }',
      /^region\.store\.url: is not the URL of a PostgreSQL database: write it/,
    ],
    ['{ kind: postgresql, url: "http://db/rackboot" }', /^region\.store\.url: is not the URL of a PostgreSQL database/],
    ['{ kind: postgresql, url: "postgresql://db" }', /^region\.store\.url: names no database: write it as/],
    ['{ kind: postgresql, url: "postgresql:///rackboot" }', /^region\.store\.url: names no host: write it as/],
    [
      '{ kind: postgresql, url: "postgresql://db/r?sslmode=off" }',
      /^region\.store\.url: has an sslmode other than disable/,
    ],
    [
      '{ kind: postgresql, url: "postgresql://db/r?x=y" }',
      /^region\.store\.url: has other options than .*: remove them/,
    ],
    [
      '{ kind: postgresql, url: "postgresql:///r?host=/run&host=db.example" }',
      /^region\.store\.url: has the option host more than once: keep one/,
    ],
    ['{ kind: postgresql, url: "postgresql://one,two/r" }', /^region\.store\.url: names several hosts: /],
    [
      '{ kind: postgresql, url: "postgresql:///r?host=/run/postgresql&sslmode=verify-full" }',
      /^region\.store\.url: has the sslmode verify-full, .*: remove the sslmode/,
    ],
    [
      '{ kind: postgresql, url: "postgresql:///r?host=/run/postgresql", ca_file: /etc/ca.pem }',
      /^region\.store\.ca_file: has no use: .*region\.store\.url names; remove it/,
    ],
    ['{ kind: postgresql, url: "postgresql:///r?host=" }', /^region\.store\.url: names no host: write it as/],
    [
      '{ kind: postgresql, url: "postgresql://a%ff@db/r" }',
      /^region\.store\.url: has a % that does not encode a character: write % itself as %25/,
    ],
    ['{ kind: postgresql, url: 5 }', /^region\.store\.url: is not a text: write the URL/],
    [
      `{ kind: postgresql, ${url}, password_file: p }`,
      /^region\.store\.password_file: expected an absolute path, found "p"/,
    ],
    [
      `{ kind: postgresql, ${url}, ca_file: ca.pem }`,
      /^region\.store\.ca_file: expected an absolute path, found "ca.pem"/,
    ],
    [
      `{ kind: postgresql, ${url}, pool: 0 }`,
      /^region\.store\.pool: expected the most connections .*, 1 to 100, found 0/,
    ],
    [`{ kind: postgresql, ${url}, pool: 101 }`, /^region\.store\.pool: expected the most connections .*, found 101/],
    [
      `{ kind: postgresql, ${url}, pool: many }`,
      /^region\.store\.pool: expected the most connections .*, found "many"/,
    ],
    [`{ ${url} }`, /^region\.store\.url: applies only to PostgreSQL: set region\.store\.kind to postgresql, or remove/],
    ['{ pool: 5 }', /^region\.store\.pool: applies only to PostgreSQL/],
    ['{ kind: postgresql, ulr: x }', /^region\.store\.ulr: unknown key; did you mean url\?/],
  ] as const) {
    const problems = problemsOf(`state_dir: /tmp/s\nregion: { store: ${store} }\n`);
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      `${store}: ${problems.join('; ')}`,
    );
  }
});

test('a URL with a password is refused, and no complaint shows it', () => {
  for (const url of [
    `postgresql://rackboot:${SECRET}@db/rackboot`,
    `postgresql://rackboot@db/rackboot?password=${SECRET}`,
    `mysql://rackboot:${SECRET}@db/rackboot`,
    `${SECRET} is not a URL`,
  ]) {
    const problems = problemsOf(`state_dir: /tmp/s\nregion: { store: { kind: postgresql, url: "${url}" } }\n`);
    assert.equal(problems.length, 1, problems.join('; '));
    assert.doesNotMatch(problems.join(), new RegExp(SECRET));
    if (!url.startsWith('p')) continue;
    assert.match(problems.join(), /has a password, .*: write it into a file, and name that in password_file/);
  }
});

test('a key that only a rack has is refused with its remedy, and all of them at once', () => {
  const text = `cluster_interfaces: []
dhcp: { lease_time: 10m }
tftp: {}
dns: { domain: lab, upstream: [] }
boot: { tree: /tmp/b, kernel_params: quiet }
enlistment: { bmc_user: true }
region: { mode: embedded, url: "http://r/MAAS", api_key_file: /k, ca_file: /c }
`;
  const problems = problemsOf(text);
  for (const key of ['cluster_interfaces', 'dhcp', 'tftp', 'dns.upstream', 'boot.tree', 'enlistment.bmc_user'])
    assert.ok(
      problems.some((one) => one.startsWith(`${key}: belongs in the file of a rack`) && one.endsWith('move it there')),
      `${key}: ${problems.join('; ')}`,
    );
  for (const [key, remedy] of [
    ['mode', /: this process is the region itself; remove it$/],
    ['url', /move it there$/],
    ['api_key_file', /move it there$/],
    ['ca_file', /move it there$/],
  ] as const)
    assert.match(problems.find((one) => one.startsWith(`region.${key}: `)) ?? '', remedy);
  assert.match(
    problems.find((one) => one.startsWith('state_dir: ')) ?? '',
    /^state_dir: missing: expected an absolute/,
  );
  assert.match(
    problemsOf('state_dir: /s\ncolour: blue\n').join(),
    /^colour: unknown key; see config\/region\.yaml for all keys$/,
  );
});

test('contradictions among valid values are reported along with invalid ones', () => {
  const problems = problemsOf('state_dir: s\nregion: { listen: [], store: { kind: postgresql } }\n');
  assert.deepEqual(
    problems.map((one) => one.slice(0, one.indexOf(':'))),
    ['state_dir', 'region.listen', 'region.store.url'],
  );
});

test('the file of a rack cannot have region.store', () => {
  const parsed = parseConfig('state_dir: /tmp/s\nregion: { store: { kind: postgresql } }\n');
  assert.equal(parsed.ok, false);
  if (parsed.ok) return;
  const [problem] = parsed.problems;
  assert.equal(problem?.path, 'region.store');
  assert.match(problem?.message ?? '', /belongs in the file of a region .*`rackboot region run`.*: remove it/);
});

test('settings of the store apply where the file is silent; those of the racks are left to the racks', () => {
  const stored = {
    http_proxy: 'http://proxy:8000/',
    dns: { domain: 'lab', upstream: ['192.0.2.1'] },
    region: { retries: 3 },
    cluster_interfaces: [{ name: 'lab' }],
    tftp: { allow: [] },
  };
  assert.deepEqual(selectRegionSettings(stored), {
    http_proxy: 'http://proxy:8000/',
    dns: { domain: 'lab' },
    region: { retries: 3 },
  });
  const { region } = configOf('state_dir: /tmp/s\nregion: { retries: 0 }\n', stored);
  assert.deepEqual([region.retries, region.domain, region.install?.httpProxy], [0, 'lab', 'http://proxy:8000/']);
});

test('commands find the store of a file, whatever the rest of the file says', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-store-place-'));
  const file = join(directory, 'region.yaml');
  const placeOf = (text: string) => {
    writeFileSync(file, text);
    return loadStoreLocation(file);
  };
  try {
    assert.deepEqual(placeOf('state_dir: /s\ncluster_interfaces: 5\n'), { stateDir: '/s', store: { kind: 'sqlite' } });
    const place = placeOf('state_dir: /s\nregion: { store: { kind: postgresql, url: "postgresql://db/r" } }\n');
    assert.equal(place.store.kind, 'postgresql');
    assert.throws(
      () => placeOf('region: { store: { kind: postgresql } }\n'),
      /region\.yaml:1: region\.store\.url: missing/,
    );
    assert.throws(() => placeOf('region: { store: { kind: mysql } }\n'), /region\.store\.kind: expected sqlite/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a rack whose region is elsewhere has no store of its own: the refusal names the region, and the file there', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-store-elsewhere-'));
  const file = join(directory, 'rackboot.yaml');
  try {
    for (const [url, where] of [
      ['"http://one:5240/MAAS"', /^the region of this rack is at http:\/\/one:5240\/MAAS: .* --config /],
      ['["http://one:5240/MAAS", "http://two:5240/MAAS"]', /at http:\/\/one:5240\/MAAS, http:\/\/two:5240\/MAAS: run/],
      ['5', /is elsewhere: run/],
    ] as const) {
      writeFileSync(file, `name: rack\nregion: { mode: remote, url: ${url} }\n`);
      assert.throws(() => loadStoreLocation(file), { code: 'bad-argument', message: where });
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the error for a missing file of a region, whatever its name, does not name `init`, which makes the file of a rack', () => {
  const says =
    /there is no configuration \/nowhere\/none\.yaml: docs\/outgrowing\.md shows one for a region; --config or/;
  assert.throws(() => loadRegionFile('/nowhere/none.yaml'), says);
});
