// Trials of the sources of images, their selections, and what racks report of their downloads.

import assert from 'node:assert/strict';
import type { AskedApi } from '../../asked-api.ts';
import { type Given, machine, type Sight, type Trial } from './trial.ts';

const URL_1 = 'https://images.maas.io/ephemeral-v3/stable/';
const FILE = { url: URL_1, keyring_filename: '/usr/share/keyrings/images.gpg' };
const DATA = Buffer.from('-----BEGIN PGP').toString('base64');
const KEYS = { keyring_data: DATA };
const UNSIGNED = { url: URL_1, unsigned: 'true', why: 'a mirror in the lab', index: 'other/index.json' };
const SELECTION = {
  os: 'ubuntu',
  release: 'noble',
  arches: ['amd64', 'arm64'],
  subarches: ['generic'],
  labels: ['release'],
};
const LISTS = {
  arches: { at: 'arches', is: SELECTION.arches },
  subarches: { at: 'subarches', is: SELECTION.subarches },
  labels: { at: 'labels', is: SELECTION.labels },
} as const;
const has =
  (field: string) =>
  ({ answer }: Sight) =>
    assert.ok(field in ([answer.json].flat()[0] ?? {}), answer.text);
/** The answer to a change has MAAS's fields alone: ours are read by `details`. */
const inDetails =
  (field: string, wanted: unknown) =>
  async ({ site, answer }: Sight) => {
    const { json } = await site.ask('GET', `2.0/boot-sources/${answer.json.id}/?details=true`);
    assert.equal(json[field], wanted);
  };
const TRUST = {
  unsigned: inDetails('unsigned', true),
  why: inDetails('why', UNSIGNED.why),
  index: inDetails('index', UNSIGNED.index),
} as const;
const hasName = has('name');
const hasPin = has('pinned_by');

const sourceGiven = async ({ ask }: AskedApi): Promise<Given> => {
  const made = await ask('POST', '2.0/boot-sources/', { url: 'https://old.example/', keyring_filename: '/old' });
  const path = { uuid: 'master', id: made.json.id, boot_source_id: made.json.id };
  return { path };
};
const selectionGiven = async (site: AskedApi): Promise<Given> => {
  const { path } = await sourceGiven(site);
  const made = await site.ask('POST', `2.0/boot-sources/${path?.id}/selections/`, { os: 'debian' });
  return { path: { ...path, id: made.json.id } };
};
const ofRack = async (): Promise<Given> => ({ path: { uuid: 'master' }, fields: { url: 'https://other.example/' } });

const PLACES = ['1.0 # boot-sources', '2.0 # boot-sources', '1.0 # nodegroups/{uuid}/boot-sources'];

const PROFILE = {
  name: 'live',
  title: 'A live system',
  kind: 'kernel',
  file: 'profiles/live/vmlinuz',
  initrds: ['profiles/live/initrd'],
  arguments: 'mac={mac}',
  architecture: 'amd64',
  machines: ['calm-eagle'],
  tags: ['gpu'],
  pools: ['lab'],
  except: ['52:54:00:aa:00:01'],
  unknown: 'true',
  offered: 'true',
};
const SCRIPT = { name: 'shell', kind: 'ipxe', script: 'shell' };
const TICKS = { unknown: { at: 'unknown', is: true }, offered: { at: 'offered', is: true } } as const;
const LISTED = Object.fromEntries(
  (['initrds', 'machines', 'tags', 'pools', 'except'] as const).map((at) => [at, { at, is: PROFILE[at] }]),
);
const profileGiven = async ({ ask }: AskedApi): Promise<Given> => {
  await ask('POST', '2.0/profiles/', { name: 'old', file: 'x' });
  return { path: { name: 'old' } };
};
const bindingGiven = async (site: AskedApi): Promise<Given> => {
  await profileGiven(site);
  return { path: { system_id: await machine(site) } };
};

const PROFILES: readonly Trial[] = [
  { of: '2.0 POST profiles', send: PROFILE, reads: { ...TICKS, ...LISTED } },
  { of: '2.0 POST profiles', send: SCRIPT },
  { of: '2.0 PUT profiles/{name}', given: profileGiven, send: PROFILE, reads: { ...TICKS, ...LISTED } },
  {
    of: '2.0 PUT profiles/{name}',
    given: async (site) => ({ ...(await profileGiven(site)), fields: { file: '' } }),
    send: { kind: 'ipxe', script: 'shell' },
  },
  {
    of: '2.0 POST machines/{system_id} boot_profile',
    given: bindingGiven,
    send: { profile: 'old' },
    reads: {
      profile: async ({ site, given }) =>
        assert.deepEqual((await site.ask('GET', '2.0/profiles/old/')).json.machines, [given.path?.system_id]),
    },
  },
];

export const IMAGE_TRIALS: readonly Trial[] = [
  ...PROFILES,
  ...PLACES.flatMap((place): readonly Trial[] => {
    const at = (method: string, rest = '') => `${place.replace('#', method)}${rest}`;
    const DETAILS = { details: 'true' };
    const LIST = '/{boot_source_id}/selections';
    return [
      { of: at('POST'), given: async () => ({ path: { uuid: 'master' } }), send: FILE },
      { of: at('POST'), given: ofRack, send: KEYS },
      { of: at('POST'), given: async () => ({ path: { uuid: 'master' } }), send: UNSIGNED, reads: TRUST },
      { of: at('PUT', '/{id}'), given: sourceGiven, send: UNSIGNED, reads: TRUST },
      { of: at('GET'), given: sourceGiven, send: DETAILS, reads: { details: hasName } },
      { of: at('GET', '/{id}'), given: sourceGiven, send: DETAILS, reads: { details: hasName } },
      { of: at('GET', LIST), given: selectionGiven, send: DETAILS, reads: { details: hasPin } },
      { of: at('GET', `${LIST}/{id}`), given: selectionGiven, send: DETAILS, reads: { details: hasPin } },
      { of: at('PUT', '/{id}'), given: sourceGiven, send: FILE },
      { of: at('PUT', '/{id}'), given: sourceGiven, send: KEYS },
      { of: at('POST', LIST), given: sourceGiven, send: SELECTION, reads: LISTS },
      { of: at('PUT', `${LIST}/{id}`), given: selectionGiven, send: SELECTION, reads: LISTS },
    ];
  }),
];
