// Which of the offered images a run imports, and the reasons for the others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import type { ImageOffer, InstallerOffer, LoaderOffer, Selection } from '../../src/images/sources/offer.ts';
import type { ImageSource } from '../../src/images/sources/source.ts';
import { importText as importReasonText } from '../../src/region/records/import-reason.ts';
import { planImports } from '../../src/region-host/imports/plan.ts';
import { imageOffer, installerOffer, loaderOffer, offeredFile, unsignedStream } from '../support/offers.ts';

const source = (name: string): ImageSource => unsignedStream({ name, url: `http://${name}/` });
const fileOf = (from: string, name: string) => offeredFile('x', `http://${from}/${name}`);
const offer = (from: string, release: string, more: Partial<ImageOffer> = {}): ImageOffer =>
  imageOffer([fileOf(from, release)], { source: from, os: 'ubuntu', release, title: release, ...more });
const selection = (more: Partial<Selection> = {}): Selection => ({
  os: '*',
  release: '*',
  arches: ['*'],
  subarches: ['*'],
  labels: ['*'],
  ...more,
});

const plan = (
  ...sources: readonly (readonly [string, readonly Selection[], readonly ImageOffer[], (readonly RackError[])?])[]
) =>
  planImports(
    sources.map(([name, selections, offers, problems = []]) => [
      { source: source(name), selections },
      { source: name, offers, problems },
    ]),
  );
const names = ({ offers }: ReturnType<typeof plan>): readonly string[] =>
  [...offers].map(([name, ofImage]) => `${name} of ${ofImage.map(({ source: from }) => from).join(', ')}`);

const OFFERS = [
  offer('a', 'noble', { aliases: ['24.04', 'lts'] }),
  offer('a', 'noble', { architecture: 'arm64' }),
  offer('a', 'jammy', { label: 'daily' }),
  offer('a', 'bookworm', { os: 'debian', subarchitecture: 'cloud', subarches: ['cloud', 'cloud-old'] }),
];

const CASES: readonly (readonly [what: string, selection: Partial<Selection>, expected: readonly string[]])[] = [
  ['everything', {}, ['noble/amd64', 'noble/arm64', 'jammy/amd64', 'bookworm/amd64']],
  ['a system', { os: 'debian' }, ['bookworm/amd64']],
  ['a release', { release: 'noble' }, ['noble/amd64', 'noble/arm64']],
  ['another name of a release', { release: '24.04' }, ['noble/amd64']],
  ['an architecture', { arches: ['arm64', 's390x'] }, ['noble/arm64']],
  ['a sub-architecture', { subarches: ['cloud'] }, ['bookworm/amd64']],
  ['a sub-architecture that an image supports', { subarches: ['cloud-old'] }, ['bookworm/amd64']],
  ['a label', { labels: ['daily'] }, ['jammy/amd64']],
];

for (const [what, wanted, expected] of CASES) {
  test(`${what} is selected, and nothing else`, () => {
    const { offers, skipped } = plan(['a', [selection(wanted)], OFFERS]);
    assert.deepEqual(
      [...offers.values()].map(([{ release, architecture }]) => `${release}/${architecture}`),
      expected,
    );
    assert.deepEqual(skipped, []);
  });
}

test('an image with as many names as a document may have is selected by each', () => {
  const many = Array.from({ length: 1_000_000 }, (_, at) => `n${at}`);
  for (const [one, wanted] of [
    [offer('a', 'noble', { aliases: many }), selection({ release: 'n999999' })],
    [offer('a', 'noble', { subarches: many }), selection({ subarches: ['n999999'] })],
  ] as const)
    assert.equal(plan(['a', [wanted], [one]]).offers.size, 1);
});

test('the first source that has an image gives it, the other one if that fails, and says so', () => {
  const found = plan(
    ['a', [selection()], [offer('a', 'noble')]],
    ['b', [selection()], [offer('b', 'noble'), offer('b', 'jammy')]],
  );
  assert.deepEqual(names(found), [
    'ubuntu/noble/amd64/generic/release of a, b',
    'ubuntu/jammy/amd64/generic/release of b',
  ]);
  assert.deepEqual(found.skipped, [
    {
      name: 'ubuntu/noble/amd64/generic/release',
      reason: { code: 'earlier-source', params: { first: 'a', source: 'b' } },
    },
  ]);
});

test('a source that has not answered keeps the images that it may have, until it is late; then it is listed', () => {
  const selections = [selection()];
  const [a, b] = ['a', 'b'].map((name) => ({ source: source(name), selections }));
  assert.ok(a !== undefined && b !== undefined);
  const answer = { source: 'b', offers: [offer('b', 'noble')], problems: [] };
  const planWith = (first: 'late' | 'open') =>
    planImports([
      [a, first],
      [b, answer],
    ]);
  assert.deepEqual([...planWith('open').offers], []);
  assert.deepEqual(planWith('open').skipped, [
    { name: 'a', reason: { code: 'unanswered', params: {} } },
    {
      name: 'ubuntu/noble/amd64/generic/release',
      reason: { code: 'waits-for-source', params: { source: 'a', minutes: 3 } },
    },
  ]);
  assert.deepEqual([...planWith('late').offers.keys()], ['ubuntu/noble/amd64/generic/release']);
  assert.deepEqual(
    planWith('late').skipped.map(({ name, reason }) => `${name}: ${importReasonText(reason)}`),
    [
      'a: it has not answered within 3 minutes: Rackboot still waits, but imports the images of other sources meanwhile',
    ],
  );
});

test('a version and an alias select a release as its name does', () => {
  const noble = { ...offer('a', 'noble'), aliases: ['24.04', 'lts'] };
  for (const release of ['noble', '24.04', 'lts']) {
    const found = plan(['a', [selection({ release })], [noble, offer('a', 'jammy')]]);
    assert.deepEqual([...found.offers.values()].flat(), [noble], release);
    assert.deepEqual(found.skipped, []);
  }
});

test('an image that two selections of a source match is imported once, without a reason', () => {
  const found = plan(['a', [selection(), selection({ release: 'noble' })], [offer('a', 'noble')]]);
  assert.equal(found.offers.size, 1);
  assert.deepEqual(found.skipped, []);
});

test('a selection without an image has a reason; if its source failed, it points to the problem of the source', () => {
  const failed = new RackError('source-failed', 'the source b cannot be used: its keyring /etc/keys/b.gpg is not used');
  const { skipped } = plan(
    ['a', [selection({ os: 'ubuntu', release: 'bionic', arches: ['amd64', 'arm64'] })], OFFERS],
    ['b', [selection({ release: 'noble' })], [], [failed]],
  );
  assert.deepEqual(skipped, [
    {
      name: 'ubuntu/bionic',
      reason: { code: 'not-offered', params: { source: 'a', arches: ['amd64', 'arm64'], os: 'ubuntu' } },
    },
    {
      name: 'b',
      reason: { code: 'said', params: { said: 'the source b cannot be used: its keyring b.gpg is not used' } },
    },
    { name: '*/noble', reason: { code: 'not-in-part', params: { source: 'b', arches: [] } } },
  ]);
});

test('the reason of a selection whose label or subarch matches nothing names them', () => {
  const wanted = [
    selection({ os: 'ubuntu', release: 'noble', arches: ['amd64'], labels: ['daily'] }),
    selection({ os: 'debian', release: 'bookworm', subarches: ['hwe', 'ga'], labels: ['release'] }),
  ];
  assert.deepEqual(
    plan(['a', wanted, OFFERS]).skipped.map(({ reason }) => importReasonText(reason)),
    [
      'a does not offer it for amd64 with the label daily: `sudo rackboot images available ubuntu --all` lists what there is',
      'a does not offer it with the label release and the subarchs hwe, ga: `sudo rackboot images available debian --all` lists what there is',
    ],
  );
});

test('a problem of one image hides neither the images of the source nor the selections without one', () => {
  const problem = new RackError('source-failed', 'noble has no checksum');
  const wanted = [selection({ os: 'debian' }), selection({ os: 'centos', release: '8', arches: ['arm64'] })];
  const { offers, skipped } = plan(['a', wanted, OFFERS, [problem]]);
  assert.deepEqual([...offers.keys()], ['debian/bookworm/amd64/cloud/release']);
  assert.deepEqual(skipped, [
    { name: 'a', reason: { code: 'said', params: { said: 'noble has no checksum' } } },
    { name: 'centos/8', reason: { code: 'not-in-part', params: { source: 'a', arches: ['arm64'] } } },
  ]);
});

const loader = (type: string, architecture: string, label = 'stable', from = 'a'): LoaderOffer =>
  loaderOffer([fileOf(from, type)], { source: from, release: type, architecture, label });
const planLoaders = (...sources: readonly (readonly [string, Selection, readonly LoaderOffer[]])[]) =>
  sources.map(
    ([name, wanted, loaders]) =>
      [
        { source: source(name), selections: [wanted] },
        { source: name, offers: [...OFFERS, ...loaders], problems: [] },
      ] as const,
  );

test('each selected boot loader is imported, and no other one', () => {
  const loaders = [loader('uefi', 'amd64'), loader('uefi', 'arm64'), loader('pxe', 'amd64')];
  const chosen = (wanted: Selection): readonly string[] =>
    [...planImports(planLoaders(['a', wanted, loaders])).offers.keys()].filter((name) => name.startsWith('boot'));
  const uefi = ['bootloader/uefi/amd64/generic/stable', 'bootloader/uefi/arm64/generic/stable'];
  assert.deepEqual(chosen(selection({ os: 'bootloader', release: 'uefi' })), uefi);
  assert.deepEqual(chosen(selection()), [...uefi, 'bootloader/pxe/amd64/generic/stable']);
  assert.deepEqual(chosen(selection({ labels: ['stable'] })), [...uefi, 'bootloader/pxe/amd64/generic/stable']);
  assert.deepEqual(chosen(selection({ os: 'ubuntu', release: 'noble' })), []);
});

test('of two labels of a boot loader, which have one directory, one is imported: the one that has begun, or the first', () => {
  const wanted = selection({ os: 'bootloader' });
  const [stable, candidate] = ['stable', 'candidate'].map((label) => `bootloader/uefi/amd64/generic/${label}`);
  const answers = planLoaders(
    ['a', wanted, [loader('uefi', 'amd64'), loader('uefi', 'amd64', 'candidate')]],
    ['b', wanted, [loader('uefi', 'amd64', 'stable', 'b')]],
  );
  const first = planImports(answers);
  assert.deepEqual(
    [...first.offers].map(([name, offers]) => [name, offers.map(({ source: from }) => from)]),
    [[stable, ['a', 'b']]],
  );
  assert.deepEqual(first.skipped[0], {
    name: candidate,
    reason: { code: 'place-taken', params: { place: 'bootloader/uefi/amd64', holder: stable } },
  });
  assert.deepEqual([...planImports(answers, new Set([candidate ?? ''])).offers.keys()], [candidate]);
});

const installer = (from: string, os: string, release = 'bookworm'): InstallerOffer =>
  installerOffer([fileOf(from, 'x')], { source: from, os, release });
const packageMirror = (name: string, releases: readonly string[]): ImageSource => ({
  kind: 'installer',
  name,
  title: '',
  os: 'debian',
  mirror: undefined,
  defaultMirror: undefined,
  defaultPortsMirror: undefined,
  arches: new Map([['amd64', 'amd64']]),
  trust: { kind: 'unsigned', why: '' },
  releases: releases.map((release) => ({ name: release, base: release, images: 'netboot', title: release })),
});
type Asked = Parameters<typeof planImports>[0][number];
const asked = (
  of: ImageSource,
  installers: readonly InstallerOffer[] | 'open',
  wanted: Partial<Selection> = {},
): Asked => [
  { source: of, selections: [selection(wanted)] },
  installers === 'open' ? installers : { source: of.name, offers: installers, problems: [] },
];
const DEBIAN = 'debian/bookworm/amd64/generic/installer';
const EVIL = 'evil/bookworm/amd64/generic/installer';
const TAKEN = (holder: string) => ({
  code: 'release-taken',
  params: { place: 'amd64/generic/bookworm/install', holder },
});
const failed = (of: ImageSource, wanted: Partial<Selection> = {}): Asked => [
  { source: of, selections: [selection(wanted)] },
  {
    source: of.name,
    offers: [],
    isUnread: true,
    problems: [new RackError('source-failed', 'it is away')],
  },
];

const PLACES: readonly (readonly [
  what: string,
  answers: readonly Asked[],
  installed: readonly string[],
  taken: readonly string[],
  left: readonly (readonly [name: string, reason: object])[],
])[] = [
  [
    'the first source gives it',
    [asked(source('a'), [installer('a', 'debian')]), asked(source('b'), [installer('b', 'evil')])],
    [],
    [DEBIAN],
    [[EVIL, TAKEN(DEBIAN)]],
  ],
  [
    'the one that is there stays, wherever it is from, and gets its updates',
    [asked(source('b'), [installer('b', 'evil')]), asked(source('a'), [installer('a', 'debian')])],
    [DEBIAN],
    [DEBIAN],
    [[EVIL, TAKEN(DEBIAN)]],
  ],
  [
    'the one that is there stays, even if no source offers it',
    [asked(source('a'), [installer('a', 'debian')])],
    [EVIL],
    [],
    [[DEBIAN, TAKEN(EVIL)]],
  ],
  [
    'a mirror of packages keeps it while it is away',
    [
      failed(packageMirror('a', ['bookworm'])),
      asked(source('b'), [installer('b', 'evil'), installer('b', 'evil', 'own')]),
    ],
    [],
    ['evil/own/amd64/generic/installer'],
    [[EVIL, TAKEN(DEBIAN)]],
  ],
  [
    'a mirror of packages does not keep a release that is not selected',
    [failed(packageMirror('a', ['bookworm']), { release: 'trixie' }), asked(source('b'), [installer('b', 'evil')])],
    [],
    [EVIL],
    [],
  ],
  [
    'it waits for an earlier source that may have an installer of the release',
    [asked(source('a'), 'open', { os: 'debian' }), asked(source('b'), [installer('b', 'evil')])],
    [],
    [],
    [[EVIL, { code: 'waits-for-source', params: { source: 'a', minutes: 3 } }]],
  ],
  [
    'it does not wait for an earlier source of another release',
    [asked(source('a'), 'open', { release: 'trixie' }), asked(source('b'), [installer('b', 'evil')])],
    [],
    [EVIL],
    [],
  ],
];

for (const [what, answers, installed, taken, left] of PLACES)
  test(`of two installers of one release, which have one directory, one is imported: ${what}`, () => {
    const { offers, skipped } = planImports(answers, new Set(), { installedNames: installed });
    assert.deepEqual([...offers.keys()], taken);
    assert.deepEqual(
      skipped.filter(({ name }) => name.endsWith('installer')).map(({ name, reason }) => [name, reason]),
      left,
    );
  });

test('the list names the source that delivers an image, even if an earlier one answered late', () => {
  const answers = ['a', 'b', 'c'].map(
    (name): Asked => [
      { source: source(name), selections: [selection()] },
      { source: name, offers: [offer(name, 'noble')], problems: [] },
    ],
  );
  const name = 'ubuntu/noble/amd64/generic/release';
  assert.deepEqual(planImports(answers, new Set([name]), { sourceByItem: new Map([[name, 'b']]) }).skipped, [
    { name, reason: { code: 'later-source', params: { first: 'a', source: 'b' } } },
    { name, reason: { code: 'earlier-source', params: { first: 'a', source: 'c' } } },
  ]);
});

test('a run has a bound, and each image beyond it a reason', () => {
  const many = Array.from({ length: 502 }, (_, index) => offer('a', `r${index}`));
  const { offers, skipped } = plan(['a', [selection()], many]);
  assert.equal(offers.size, 500);
  assert.deepEqual(
    skipped.map(({ name, reason }) => [name.split('/')[1], reason]),
    ['r500', 'r501'].map((release) => [release, { code: 'run-full', params: { max: 500 } }]),
  );
});

test('the reason of a selection with a typo names what was probably meant, but nothing that is there', () => {
  const releases = ['debian/bookworm', 'debian/trixie', 'ubuntu/noble'];
  const nearest = (os: string, release: string): string | undefined => {
    const answer = { source: 'a', offers: [], problems: [], releases };
    const wanted = [selection({ os, release })];
    const [skipped] = planImports([[{ source: source('a'), selections: wanted }, answer]]).skipped;
    return skipped?.reason.code === 'not-offered' ? skipped.reason.params.nearest : assert.fail('it is offered');
  };
  assert.equal(nearest('debian', 'bookwurm'), 'debian/bookworm');
  assert.equal(nearest('*', 'nobel'), 'ubuntu/noble');
  assert.equal(nearest('debain', 'trixie'), 'debian/trixie');
  for (const [os, release] of [
    ['debian', 'nobel'],
    ['debian', 'trixie'],
    ['ubuntu', '*'],
    ['ubuntu', '24.04'],
  ] as const)
    assert.equal(nearest(os, release), undefined, `${os}/${release}`);
});
