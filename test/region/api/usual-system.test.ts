// A deployment that leaves something out: without a system it is the default one, else the only one that there is an image of; a system of which
// there is only an installer is installed by that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeployableImage, ListedImage } from '../../../src/region/life/deployment.ts';
import { machine, sshKey, withSite } from './sent/trial.ts';

const NOBLE = imageOf('ubuntu', 'noble');
const TRIXIE = imageOf('debian', 'trixie');
const LOADER = { ...imageOf('ubuntu', 'shim'), kind: 'loader' } as const;

function imageOf(os: string, release: string, architecture = 'amd64'): ListedImage & DeployableImage {
  const name = { os, release, architecture, subarchitecture: 'generic', label: 'stable', serial: '1', title: '' };
  return { ...name, path: `/${release}`, sha256: 'a'.repeat(64), bytes: 1, format: 'raw' };
}

interface Case {
  readonly name: string;
  readonly images: readonly (ListedImage & DeployableImage)[];
  /** The default of the site. */
  readonly usual?: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** The system and the way of the deployment, or what the refusal says. */
  readonly expected: readonly [osystem: string, release: string, by: string] | RegExp;
}

const CASES: readonly Case[] = [
  { name: 'the only image', images: [NOBLE, LOADER], expected: ['ubuntu', 'noble', 'image'] },
  {
    name: 'one for each architecture',
    images: [NOBLE, imageOf('debian', 'trixie', 'arm64')],
    expected: ['ubuntu', 'noble', 'image'],
  },
  { name: 'two images', images: [NOBLE, TRIXIE], expected: /name the system to deploy/ },
  { name: 'no image', images: [], expected: /no image/ },
  {
    name: 'the default of the site',
    images: [NOBLE, TRIXIE],
    usual: 'trixie',
    expected: ['debian', 'trixie', 'image'],
  },
  {
    name: 'an installer alone',
    images: [NOBLE],
    fields: { distro_series: 'bookworm' },
    expected: ['debian', 'bookworm', 'installer'],
  },
  {
    name: 'an image where it is asked for',
    images: [NOBLE],
    fields: { distro_series: 'bookworm', deploy_by: 'image' },
    expected: /no image of bookworm/,
  },
  { name: 'neither', images: [NOBLE], fields: { distro_series: 'sid' }, expected: /no image of sid/ },
];

for (const { name, images, usual, fields = {}, expected } of CASES)
  test(`a deployment takes ${name}, or says what is missing`, () =>
    withSite(
      async (site) => {
        const { ask, place } = site;
        await ask('POST', '2.0/account/prefs/sshkeys/', { key: sshKey(1) });
        if (usual !== undefined)
          await ask('POST', '2.0/maas/?op=set_config', { name: 'default_distro_series', value: usual });
        const systemId = await machine(site, 'allocated', { owner: 'admin' });
        const answer = await ask('POST', `2.0/machines/${systemId}/?op=deploy`, fields);
        if (expected instanceof RegExp) {
          assert.equal(answer.status, 409, answer.text);
          assert.match(answer.text, expected);
          return;
        }
        const after = await place.store.findMachine(systemId);
        assert.deepEqual([after?.osystem, after?.release, after?.work?.deployBy], expected, answer.text);
      },
      {
        findImage: ({ os, release, architecture }) =>
          images.find((one) => one.os === os && one.release === release && one.architecture === architecture),
        listImages: async () => images,
        hasInstaller: ({ release }) => release === 'bookworm',
      },
    ));
