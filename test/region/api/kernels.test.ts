// The kernel of a deployment: of the imported systems of a release, each with a kernel of its own, the one that `hwe_kernel` names is deployed; the
// machine shows it, and a kernel that is missing, or older than the machine's `min_hwe_kernel`, is refused with those that there are.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  blobPath,
  encodeImage,
  findStoredImage,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../../src/images/store/image-store.ts';
import { kernelRank } from '../../../src/region/life/deployment.ts';
import { renderJob } from '../../../src/region/life/job.ts';
import { listReportedImages } from '../../../src/uplink/reported-images.ts';
import { assertStatus } from '../../support/answered.ts';
import type { AskedApi } from '../asked-api.ts';
import { machine, sshKey, withSite } from './sent/trial.ts';

const NOBLE = ['ga-24.04', 'hwe-24.04'] as const;

function putFile(tree: string, content: string, format: 'file' | 'squashfs' | 'raw') {
  const sha256 = createHash('sha256').update(content).digest('hex');
  const path = join(tree, blobPath(sha256, format));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return { sha256, bytes: content.length };
}

function putImage(tree: string, image: StoredImage) {
  const path = manifestPath(tree, image);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodeImage(image));
}

const NAME = { os: 'ubuntu', architecture: 'amd64', label: 'stable', serial: '20261015', title: '', diskBytes: 4096 };

/** Adds a system to the store, as an import from MAAS's streams does. All kernels of a release start the same root. */
function addSystem(tree: string, release: string, subarch: string) {
  const files = ['boot-kernel', 'boot-initrd'].map((name) => ({
    name,
    ...putFile(tree, `${name} ${subarch}`, 'file'),
  }));
  putImage(tree, {
    ...NAME,
    release,
    subarchitecture: subarch.startsWith('ga-') ? 'generic' : subarch,
    ...putFile(tree, `root ${release}`, 'squashfs'),
    format: 'squashfs',
    partitionTable: 'none',
    system: { subarch, rootName: 'squashfs', files },
  });
}

/** A site whose image store has these kernels of noble, and a disk image of jammy. */
async function withKernels(kernels: readonly string[], work: (site: AskedApi, systemId: string) => Promise<void>) {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-kernels-'));
  for (const kernel of kernels) addSystem(tree, 'noble', kernel);
  const disk = { release: 'jammy', subarchitecture: 'generic', format: 'raw', partitionTable: 'gpt' } as const;
  putImage(tree, { ...NAME, ...disk, ...putFile(tree, 'disk', 'raw') });
  try {
    await withSite(
      async (site) => {
        await site.ask('POST', '2.0/account/prefs/sshkeys/', { key: sshKey(1) });
        await work(site, await machine(site, 'allocated', { owner: 'admin' }));
      },
      { findImage: (wish) => findStoredImage(tree, wish), listImages: async () => readImages(tree).images },
    );
  } finally {
    rmSync(tree, { recursive: true });
  }
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** The lines of the agent's job on the kernel. */
async function kernelLines({ place: { region, store } }: AskedApi, systemId: string): Promise<readonly string[]> {
  const found = await store.findMachine(systemId);
  assert.ok(found !== undefined);
  const image = await region.life.findImage(found);
  const rest = { origin: '', httpProxy: '', network: undefined, isLaid: false, hasRoutes: false, hasUserData: false };
  return (renderJob(found, { ...rest, image }).match(/^kernel_.*$/gm) ?? []).map((line) => line.replace(/=.*\//, '='));
}

test('a deployment without a system is refused with an example and the settings of the default, and takes the default', () =>
  withKernels(['ga-24.04'], async ({ ask }, systemId) => {
    const deploy = () => ask('POST', `2.0/machines/${systemId}/?op=deploy`, {});
    const refused = await assertStatus(deploy(), 409);
    assert.match(refused.text, /^name the system to deploy on [a-z-]+, for example ubuntu\/\w+: .*default_osystem/);
    await ask('POST', '2.0/maas/?op=set_config', { name: 'default_osystem', value: 'ubuntu' });
    assert.match((await deploy()).text, /for example ubuntu/);
    await ask('POST', '2.0/maas/?op=set_config', { name: 'default_distro_series', value: 'jammy' });
    await assertStatus(deploy(), 200);
  }));

test('the job of the agent says if the kernel comes before one that the system contains', () =>
  withKernels(NOBLE, async (site, systemId) => {
    for (const [hwe_kernel, more] of [
      ['hwe-24.04', ['kernel_chosen=1']],
      ['ga-24.04', []],
    ] as const) {
      await site.ask('POST', `2.0/machines/${systemId}/?op=deploy`, { distro_series: 'noble', hwe_kernel });
      const hash = hashOf(`boot-kernel ${hwe_kernel}`);
      assert.deepEqual(await kernelLines(site, systemId), [
        `kernel_url=${hash}.file`,
        `kernel_sha256=${hash}`,
        ...more,
      ]);
      const back = { status: 'allocated' } as const;
      await site.place.store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: back, events: [] }));
    }
  }));

/** The hash of the kernel that the machine's agent would fetch. */
async function fetched({ place: { region, store } }: AskedApi, systemId: string) {
  const found = await store.findMachine(systemId);
  return found === undefined ? undefined : (await region.life.findImage(found))?.starts?.kernel.sha256;
}

for (const [version, path, op] of [
  ['2.0', 'machines', 'deploy'],
  ['1.0', 'nodes', 'start'],
] as const) {
  test(`${version}: the kernel that hwe_kernel names is deployed and shown; without one, the release's own`, () =>
    withKernels(NOBLE, async (site, systemId) => {
      const { ask, place } = site;
      for (const [wanted, shown] of [
        ['hwe-24.04', 'hwe-24.04'],
        ['ga-24.04', 'ga-24.04'],
        ['generic', 'ga-24.04'],
        ['', 'ga-24.04'],
        [undefined, 'ga-24.04'],
      ] as const) {
        const fields = { distro_series: 'noble', ...(wanted === undefined ? {} : { hwe_kernel: wanted }) };
        const answer = await assertStatus(ask('POST', `${version}/${path}/${systemId}/?op=${op}`, fields), 200);
        assert.equal(answer.json.hwe_kernel, shown);
        assert.equal((await ask('GET', `2.0/machines/${systemId}/`)).json.hwe_kernel, shown);
        assert.equal(await fetched(site, systemId), hashOf(`boot-kernel ${shown}`));
        const back = { status: 'allocated' } as const;
        await place.store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: back, events: [] }));
      }
    }));

  test(`${version}: a kernel that there is not is refused with its name and the others, and changes nothing`, () =>
    withKernels(NOBLE, async ({ ask }, systemId) => {
      for (const [fields, refused] of [
        [
          { distro_series: 'noble', hwe_kernel: 'hwe-22.04' },
          /noble has no kernel hwe-22\.04: there are ga-24\.04, hwe-24\.04/,
        ],
        [
          { distro_series: 'ubuntu/jammy', hwe_kernel: 'hwe-22.04' },
          /ubuntu\/jammy has no kernel hwe-22\.04: there is generic$/,
        ],
        [
          { distro_series: 'noble', hwe_kernel: 'hwe-24.04', deploy_by: 'installer' },
          /An installer brings its own kernel/,
        ],
      ] as const) {
        const answer = await assertStatus(ask('POST', `${version}/${path}/${systemId}/?op=${op}`, fields), 400);
        assert.match(answer.json.hwe_kernel[0], refused);
        const after = (await ask('GET', `2.0/machines/${systemId}/`)).json;
        assert.deepEqual([after.status_name, after.hwe_kernel], ['Allocated', '']);
      }
    }));
}

test('a release without any image is refused for that, whatever its kernel', () =>
  withKernels(NOBLE, async ({ ask }, systemId) => {
    const fields = { distro_series: 'trixie', hwe_kernel: 'hwe-24.04' };
    const answer = await ask('POST', `2.0/machines/${systemId}/?op=deploy`, fields);
    assert.match(answer.text, /there is no image of trixie/);
  }));

test('a disk image has its own kernel, which is not shown', () =>
  withKernels(NOBLE, async ({ ask }, systemId) => {
    const answer = await ask('POST', `2.0/machines/${systemId}/?op=deploy`, { distro_series: 'jammy' });
    assert.deepEqual([answer.status, answer.json.hwe_kernel], [200, '']);
  }));

test('a repeated deployment keeps the kernel, another system and a release do not', () =>
  withKernels(NOBLE, async ({ ask, place }, systemId) => {
    const one = `2.0/machines/${systemId}/`;
    const deploy = async (fields: Readonly<Record<string, string>>) =>
      (await ask('POST', `${one}?op=deploy`, fields)).json;
    const fail = () => {
      const fields = { status: 'failed-deployment' } as const;
      return place.store.changeMachine(systemId, 1, () => ({ kind: 'change', fields, events: [] }));
    };
    await deploy({ distro_series: 'noble', hwe_kernel: 'hwe-24.04' });
    await fail();
    assert.equal((await deploy({})).hwe_kernel, 'hwe-24.04');
    await fail();
    assert.equal((await deploy({ distro_series: 'jammy' })).hwe_kernel, '');
    await fail();
    await deploy({ distro_series: 'noble', hwe_kernel: 'hwe-24.04' });
    const released = await ask('POST', `${one}?op=release`);
    assert.deepEqual([released.json.status_name, released.json.hwe_kernel], ['Ready', '']);
  }));

test('a machine is deployed with no kernel older than its min_hwe_kernel', () =>
  withKernels(NOBLE, async ({ ask, place }, systemId) => {
    const one = `2.0/machines/${systemId}/`;
    const set = (text: string) => ask('PUT', one, { min_hwe_kernel: text });
    assert.equal((await set('hwe-24.04')).json.min_hwe_kernel, 'hwe-24.04');
    const old = await assertStatus(
      ask('POST', `${one}?op=deploy`, { distro_series: 'noble', hwe_kernel: 'ga-24.04' }),
      400,
    );
    assert.match(
      old.json.hwe_kernel[0],
      /^ga-24\.04 is older than hwe-24\.04, .*min_hwe_kernel.*: there is hwe-24\.04$/,
    );
    await assertStatus(set('hwe-24.04-edge'), 200);
    const none = await assertStatus(ask('POST', `${one}?op=deploy`, { distro_series: 'noble' }), 400);
    assert.match(none.json.hwe_kernel[0], /noble \(ga-24\.04, hwe-24\.04\) is older than hwe-24\.04-edge/);
    const odd = await set('newest');
    assert.deepEqual([odd.status, Object.keys(odd.json)], [400, ['min_hwe_kernel']]);
    await assertStatus(set('hwe-24.04'), 200);
    const chosen = await ask('POST', `${one}?op=deploy`, { distro_series: 'noble' });
    assert.deepEqual([chosen.status, chosen.json.hwe_kernel], [200, 'hwe-24.04']);
    const back = { status: 'allocated' } as const;
    await place.store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: back, events: [] }));
    assert.equal((await set('')).json.min_hwe_kernel, '');
    const usual = await ask('POST', `${one}?op=deploy`, { distro_series: 'noble' });
    assert.equal(usual.json.hwe_kernel, 'ga-24.04');
  }));

test('default_min_hwe_kernel is for deployments without a kernel and machines without a min_hwe_kernel', () =>
  withKernels(NOBLE, async ({ ask, place }, systemId) => {
    const one = `2.0/machines/${systemId}/`;
    const setDefault = async (value: string) => {
      const answer = await ask('POST', '2.0/maas/?op=set_config', { name: 'default_min_hwe_kernel', value });
      assert.deepEqual([answer.status, answer.text], [200, 'OK']);
    };
    const deployed = async (fields: Readonly<Record<string, string>>) => {
      const answer = await ask('POST', `${one}?op=deploy`, fields);
      const back = { status: 'allocated', osystem: '', release: '', kernel: undefined } as const;
      await place.store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: back, events: [] }));
      return answer.status === 200 ? answer.json.hwe_kernel : answer.text;
    };
    await setDefault('hwe-24.04');
    assert.equal(await deployed({ distro_series: 'noble' }), 'hwe-24.04');
    assert.equal(await deployed({ distro_series: 'noble', hwe_kernel: 'ga-24.04' }), 'ga-24.04');
    assert.equal(await deployed({ distro_series: 'jammy' }), '', 'a disk image has its own');
    await setDefault('hwe-24.04-edge');
    assert.equal(await deployed({ distro_series: 'noble' }), 'ga-24.04', 'no kernel of noble is new enough');
    await ask('PUT', one, { min_hwe_kernel: 'ga-24.04' });
    await setDefault('hwe-24.04');
    assert.equal(await deployed({ distro_series: 'noble' }), 'ga-24.04', 'the machine decides');
    await ask('PUT', one, { min_hwe_kernel: '' });
    await setDefault('');
    assert.equal(await deployed({ distro_series: 'noble' }), 'ga-24.04');
    for (const name of ['ga-24.04', 'hwe-t', 'hwe-rolling', 'hwe-24.04-edge', 'ga-24.04-lowlatency']) {
      assert.notEqual(kernelRank(name), undefined);
      await setDefault(name);
    }
  }));

test('a rack reports the kernel of each system', () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-kernels-'));
  for (const kernel of NOBLE) addSystem(tree, 'noble', kernel);
  assert.deepEqual(
    listReportedImages(tree).map(({ subarchitecture, system }) => [subarchitecture, system]),
    [
      ['generic', { subarch: 'ga-24.04' }],
      ['hwe-24.04', { subarch: 'hwe-24.04' }],
    ],
  );
  rmSync(tree, { recursive: true });
});
