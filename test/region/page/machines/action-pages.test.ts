// The forms of actions: every heading is a command with the machine's name, the effects match the machine's power, and a login is shown only
// where it is possible.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac, parseIpv4 } from '../../../../src/ground/address.ts';
import { formatRefusal } from '../../../../src/region/page/frame/view.ts';
import { MACHINE_ACTIONS } from '../../../../src/region/page/machines/machine-actions.ts';
import { renderMachinePage } from '../../../../src/region/page/machines/machine-page.ts';
import { PAGES } from '../../../../src/region/page/routes.ts';
import type { Machine, MachineFields } from '../../../../src/region/records/machine.ts';
import { NO_MARKS } from '../../../../src/region/records/script-store.ts';
import { openRegion, type Region, type RegionOptions } from '../../../../src/region/region.ts';
import { heldPower } from '../../life/held-power.ts';
import { makeRegion, report } from '../../place.ts';
import { ADMIN, addViewer, USER, viewOf } from '../view.ts';

type PowerState = 'on' | 'off' | 'unknown' | 'error';
const ENDS = /the system now running on it stops/;

/** A region with a machine in this state. */
async function withMachine(
  state: PowerState,
  { address, ...fields }: Partial<MachineFields> & { readonly address?: string },
  work: (region: Region, machine: Machine) => Promise<void> | void,
  parts: Pick<RegionOptions, 'listInstallers'> = {},
) {
  const place = await makeRegion();
  place.region.close();
  const { store, clock, config } = place;
  const reading = () => ({ state, atMs: 0, ageSeconds: 5 });
  const power = { ...heldPower(), reading };
  const region = await openRegion({ config, store, clock, power, ...parts, onDesiredState: () => undefined });
  try {
    const outcome = await region.enlist(
      report([0x525400000001], { hostname: 'web1', powerType: 'webhook', username: 'admin' }),
    );
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    const given = address === undefined ? undefined : parseIpv4(address);
    const addresses = given === undefined ? undefined : [{ mac: mac(0x525400000001), address: given }];
    await store.changeMachine<never>(systemId, clock.wallTimeMs(), () => ({
      kind: 'change',
      fields,
      addresses,
      events: [],
    }));
    await work(region, (await store.findMachine(systemId)) ?? assert.fail('it is gone'));
  } finally {
    region.close();
    await place.remove();
  }
}

async function formOf(region: Region, machine: Machine, path: string, more: Readonly<Record<string, string>>) {
  const page = PAGES.find((one) => one.path === path) ?? assert.fail(path);
  return `${await page.render(viewOf(region, { viewer: ADMIN, path: { machine: machine.systemId, ...more } }))}`;
}
const actionForm = (region: Region, machine: Machine, action: string) =>
  formOf(region, machine, '/MAAS/machines/:machine/do/:action/', { action });
test('the form for a test offers all scripts, and chooses those that run unasked', () =>
  withMachine('on', { status: 'ready' }, async (region, machine) => {
    const event = { type: 'SCRIPT', code: 'script-added', params: { script: 'x' }, atMs: 1, username: '' } as const;
    const facts = { kind: 'testing', description: '', timeoutSeconds: 9, position: 0, content: '#!/bin/sh' } as const;
    for (const [name, marks] of [
      ['fan', {}],
      ['wipe', { isDestructive: true }],
      ['rare', { tags: ['noauto'] }],
    ] as const)
      await region.store.scripts.addScript(
        { ...NO_MARKS, ...facts, title: name, name, changedMs: 1, ...marks },
        9,
        event,
      );
    const form = await actionForm(region, machine, 'test');
    const chosen = [...form.matchAll(/name="scripts" value="(\w+)"( checked)?/g)].map(([, name, on]) => [name, on]);
    assert.deepEqual(chosen, [
      ['fan', ' checked'],
      ['rare', undefined],
      ['wipe', undefined],
    ]);
    assert.match(form, /wipe · overwrites data/);
  }));

test('the page of a refused action says why, as the command line does, with the command that helps', () =>
  withMachine('on', { status: 'ready', isLocked: true }, async (region, machine) => {
    const { systemId } = machine;
    const unlock = `<code>sudo rackboot machines unlock ${systemId}</code>`;
    assert.ok((await actionForm(region, machine, 'deploy')).includes(`web1 is locked: run ${unlock} first.`));
    await addViewer(region.store);
    const deletion = { path: { machine: systemId, action: 'delete' }, viewer: ADMIN };
    const action = PAGES.find(({ path }) => path === '/MAAS/machines/:machine/do/:action/') ?? assert.fail();
    const answer = await action.act?.(viewOf(region, deletion));
    assert.ok(answer?.kind === 'refusal');
    const page = await action.render(viewOf(region, { ...deletion, refusal: formatRefusal(answer) }));
    assert.match(`${page}`, /web1 is locked: .*<code>sudo rackboot machines unlock web1<\/code>/);
    assert.ok(
      `${await renderMachinePage(viewOf(region, { viewer: ADMIN, path: { machine: systemId } }))}`.includes(unlock),
    );
    const own = `${await renderMachinePage(viewOf(region, { viewer: ADMIN, path: { machine: systemId } }))}`;
    assert.match(own, new RegExp(`href="/MAAS/machines/many/\\?[^"]*action=unlock[^"]*machine=${systemId}"`));
    await region.store.changeMachine<never>(systemId, 1, () => ({
      kind: 'change',
      fields: { isLocked: false, status: 'broken' },
      events: [],
    }));
    assert.match(
      await actionForm(region, machine, 'deploy'),
      /<p>web1 is in the state Broken: deploy is not possible\. Possible: [^<]*fixed/,
    );
    assert.match(await actionForm(region, machine, 'mark-broken'), /“Mark as broken” is not possible for web1 now\./);
    const byUser = (name: string) =>
      action.render(viewOf(region, { ...deletion, path: { machine: systemId, action: name }, viewer: USER }));
    assert.match(`${await byUser('retire')}`, /web1 has no owner: only an administrator may use retire\./);
    assert.match(`${await byUser('delete')}`, /<p>Only an administrator may do this\./);
  }));

const powerForm = (region: Region, machine: Machine, task: string) =>
  formOf(region, machine, '/MAAS/machines/:machine/power/:task/', { task });

const headingIn = (page: string) => /<h1>([^<]*)<\/h1>/.exec(page)?.[1] ?? '';

test('every form about a machine is headed by a command that names it, and its title is the same', () =>
  withMachine('on', { status: 'ready' }, async (region, machine) => {
    const heads = MACHINE_ACTIONS.flatMap(({ where, texts }) =>
      where === undefined ? [] : (texts().heading?.('web1') ?? []),
    );
    for (const { path, act } of PAGES.filter((page) => /^\/MAAS\/machines\/:machine\/./.test(page.path))) {
      const tasks = ['on', 'off', 'cycle', 'query'].map((task) => ({ task }));
      for (const more of path.endsWith('/:task/') ? tasks : [{ action: 'deploy' }]) {
        const page = await formOf(region, machine, path, more);
        if (act === undefined || path.includes('/layout/')) continue;
        heads.push(headingIn(page));
        assert.ok(page.includes(`<title>${headingIn(page)} · Rackboot</title>`), page.slice(0, 300));
      }
    }
    assert.ok(heads.length > 20, heads.join('\n'));
    for (const head of heads) {
      assert.match(head, /^[A-Z][a-z]+ (?:.* )?web1(?: [a-z ]+)?$/);
      assert.doesNotMatch(head, /:|^Power(?! (?:on|off|cycle) web1$)|^Rescue|^Debug/);
    }
    assert.equal(new Set(heads).size, heads.length - 1, 'all headings differ; deploy appears twice');
  }));

for (const [state, isSaid] of [
  ['off', false],
  ['on', true],
  ['unknown', true],
  ['error', true],
] as const) {
  test(`a form for a machine whose power is ${state} ${isSaid ? 'says' : 'does not say'} that its system stops`, () =>
    withMachine(state, { status: 'ready' }, async (region, machine) => {
      for (const action of ['deploy', 'commission', 'test', 'rescue']) {
        const page = await actionForm(region, machine, action);
        assert.match(page, /Its power driver boots it from the network/, action);
        assert.equal(ENDS.test(page), isSaid, action);
      }
      for (const task of ['off', 'cycle']) {
        const page = await powerForm(region, machine, task);
        assert.equal(/unwritten data is lost/.test(page), isSaid, task);
        assert.equal(/It was off at the last check/.test(page), !isSaid, task);
      }
    }));
}

test('the installer is offered only where one exists; where none does, the form names the command that adds one', async () => {
  const ready = { status: 'ready' } as const;
  const form = async (listInstallers: RegionOptions['listInstallers'], fields: Partial<MachineFields> = ready) => {
    let page = '';
    const keep = async (region: Region, machine: Machine) => {
      page = await actionForm(region, machine, 'deploy');
    };
    await withMachine('off', fields, keep, { listInstallers });
    return page;
  };
  const none = await form(() => []);
  assert.doesNotMatch(none, /value="installer"|installed_series/);
  assert.match(none, /<code>rackboot images import-installer<\/code>\s+adds Debian/);
  assert.match(
    await form(() => [], { ...ready, architecture: 'arm64' }),
    /<code>rackboot images import-installer --arch arm64</,
  );
  const BOOKWORM = { release: 'bookworm', os: undefined, title: 'bookworm' };
  const TRIXIE = { release: 'trixie', os: 'debian', title: 'Debian 13 (trixie)' };
  const some = await form(({ architecture }) => (architecture === 'amd64' ? [BOOKWORM, TRIXIE] : []));
  assert.match(some, /value="installer" checked/, 'there is no image, so it is the usual way');
  assert.match(
    some,
    /<select id="f-installed_series"[^>]*><option value="bookworm" selected>bookworm<.*value="debian\/trixie">Debian 13 \(trixie\)</,
  );
  assert.doesNotMatch(some, /import-installer/);
  const unknown = await form(() => undefined);
  assert.match(unknown, /value="installer">/, 'the images of other racks are unknown');
  assert.match(unknown, /<input id="f-installed_series"/);
});

const deployed = (address: string) =>
  ({ status: 'deployed', owner: 'admin', osystem: 'debian', release: 'bookworm', address }) as const;

const loginOn = async (region: Region, machine: Machine, viewer = ADMIN) => {
  const page = `${await renderMachinePage(viewOf(region, { viewer, path: { machine: machine.systemId } }))}`;
  return /<dt>Log in<\/dt><dd>(.*?)<\/dd>/s.exec(page)?.[1] ?? '';
};

test('a deployed machine shows the user and the keys for logging in; a simulated one, that login is not possible', async () => {
  await withMachine('on', deployed('10.20.0.10'), async (region, machine) => {
    assert.match(await loginOn(region, machine), /ssh debian@10\.20\.0\.10<.*with the SSH keys of admin, no password/s);
  });
  await withMachine('on', { ...deployed('10.20.0.10'), osystem: 'custom' }, async (region, machine) =>
    assert.match(await loginOn(region, machine), /ssh 10\.20\.0\.10<.*as the image&#39;s first user, or root/s),
  );
  await withMachine('on', deployed('127.77.1.1'), async (region, machine) => {
    assert.match(await loginOn(region, machine), /not possible: this machine is simulated/);
    assert.doesNotMatch(await loginOn(region, machine), /ssh/);
  });
  await withMachine('off', { status: 'new' }, async (region, machine) =>
    assert.match(await loginOn(region, machine, USER), /only when deployed or in rescue mode/),
  );
});
