// The page of one machine in a real Chromium: reached by its link, refreshed live, at desktop and phone widths, with hostile text.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeployableImage, ListedImage } from '../../src/region/life/deployment.ts';
import { parseHardwareFacts } from '../../src/region/records/hardware-facts.ts';
import { sshKey } from '../region/api/sent/trial.ts';
import { PASSWORD, startRegion } from '../region/live.ts';
import { report } from '../region/place.ts';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';
import { signIn } from './sign-in.ts';

const ATTACK = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
/** About the longest log line of a boot, with the name of its rack. */
const WORDY =
  'Loaded its configuration to run the ephemeral environment (/pxelinux.cfg/01-52-54-00-00-00-01, HTTP) (rack-2)';

const LOG = '/MAAS/machines/52:54:00:00:00:01/events/?level=all';
/** Each section by its link, with what it shows of a machine that has only begun to boot. */
const TABS = [
  ['Boot', 'Offered 10.20.0.100 (new)'],
  ['Hardware', 'Architecture'],
  ['Network', 'As it will be deployed'],
  ['Storage', 'No disks are known'],
  ['Scripts', 'No results yet'],
  ['Preseed', 'User data'],
  ['Events', 'Reported itself for the first time'],
  ['Overview', 'Next network boot'],
] as const;

/** The left edge of each log text, in pixels, and its number of lines. */
const LINES = `[...document.querySelectorAll('ol li .what')].map((one) => {
  const { fontSize } = getComputedStyle(one);
  return [Math.round(one.getBoundingClientRect().left), Math.floor(one.offsetHeight / parseFloat(fontSize) / 1.4)];
})`;
const LONG = 'a-name-without-a-place-to-break-'.repeat(8);

test('a machine opens by its link, and its new events appear live', {
  skip: missing('chromium'),
}, async () => {
  const live = await startRegion();
  const browser = await openBrowser();
  const text = async () => String(await browser.evaluate('document.body.innerText'));
  let sequence = 0;
  const tell = async (kind: string, mac: string, words: string, level: 'debug' | 'info' = 'debug') => {
    sequence += 1;
    await live.region.observe([{ sequence, kind, mac, at: live.region.clock.wallTimeMs(), text: words, level }]);
  };
  const isNarrow = async () => {
    for (const width of [1280, 820, 390, 320]) {
      await browser.resize(width, 800);
      const overflow = await browser.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      assert.ok(Number(overflow) <= 0, `${width} px: ${overflow} px too wide`);
    }
  };
  try {
    await live.region.enlist(report([0x525400000001], { hostname: 'web1' }));
    await tell('dhcp.offer', '52:54:00:00:00:01', 'Offered 10.20.0.100 (new) and lpxelinux.0 (BIOS, PXE)');
    await tell('tftp.sent', '52:54:00:00:00:09', `Loaded ${ATTACK}`);
    await browser.resize(1480, 900);
    await signIn(browser, live.origin);
    await browser.open(`${live.origin}/MAAS/machines/`);
    await browser.evaluate("document.querySelector('td a').click()");
    await browser.until(
      "document.readyState === 'complete' && document.body.innerText.includes('Next network boot')",
      10_000,
    );
    const first = await text();
    for (const expected of ['web1.maas', 'New', 'Next network boot', 'rackboot trace'])
      assert.ok(first.includes(expected), expected);
    for (const [tab, expected] of TABS) {
      await browser.evaluate(
        `[...document.querySelectorAll('#tabs a')].find((one) => one.textContent === '${tab}').click()`,
      );
      await browser.until(`document.querySelector('#tabs [aria-current]')?.textContent === '${tab}'`, 10_000);
      assert.ok((await text()).includes(expected), `${tab}: ${await text()}`);
    }
    await browser.open(`${live.origin}${LOG}`);
    assert.match(await text(), /\+0\.00 s.*and lpxelinux\.0/s);
    await tell('boot.of-a-later-version', '52:54:00:00:00:01', WORDY, 'info');
    const lines = async (): Promise<readonly (readonly [left: number, count: number])[]> =>
      Object.values(Object(await browser.evaluate(LINES)));
    const isSeen = `document.body.innerText.includes(${JSON.stringify(WORDY)})`;
    for (const path of [LOG, '/MAAS/events/']) {
      await browser.open(`${live.origin}${path}`);
      await browser.until(isSeen, 10_000);
      const found = await lines();
      assert.ok(found.length > 1 && found.every(([, count]) => count === 1), `${path}: ${JSON.stringify(found)}`);
      await browser.resize(900, 900);
      const narrow = await lines();
      assert.ok(
        narrow.some(([, count]) => count > 1),
        JSON.stringify(narrow),
      );
      assert.equal(new Set(narrow.map(([left]) => left)).size, 1, 'a wrapped text continues below its own start');
      await browser.resize(1480, 900);
    }
    await browser.open(`${live.origin}${LOG}`);
    await tell('http.file-sent', '52:54:00:00:00:01', `Loaded ${ATTACK} ${LONG}`);
    await browser.until(`document.body.innerText.includes('${LONG}')`, 10_000);
    await isNarrow();

    await browser.open(`${live.origin}/MAAS/`);
    assert.match(await text(), /Seen, not enlisted/);
    await isNarrow();
    await browser.open(`${live.origin}/MAAS/machines/52:54:00:00:00:09/`);
    assert.match(await text(), /not enlisted/);
    assert.ok((await text()).includes(`Loaded ${ATTACK}`));
    await isNarrow();
    assert.equal(await browser.evaluate("document.querySelectorAll('img, main script').length"), 0);
    assert.notEqual(await browser.evaluate('document.title'), 'owned');
    assert.deepEqual(browser.complaints, []);

    await browser.open(`${live.origin}/MAAS/machines/nobody/`);
    assert.match(await text(), /Not found/);
  } finally {
    await browser.close();
    await live.close();
  }
});

const KERNELS = ['hwe-24.04', 'ga-24.04', 'hwe-24.04-edge'] as const;
const NAMED = { architecture: 'amd64', label: 'stable', serial: '20261015', title: '', bytes: 1 } as const;
/** A release with several kernels, and one with the kernel of its disk. */
const WITH_KERNELS: readonly ListedImage[] = [
  ...KERNELS.map((subarch, at) => ({
    ...NAMED,
    os: 'ubuntu',
    release: 'noble',
    title: 'Ubuntu 24.04 LTS',
    sha256: `${at}`.repeat(64),
    subarchitecture: subarch.startsWith('ga') ? 'generic' : subarch,
    system: { subarch, rootName: 'squashfs', files: [] },
  })),
  { ...NAMED, os: 'debian', release: 'trixie', subarchitecture: 'generic', sha256: 'd'.repeat(64) },
];
const FILE = { path: '/images/bb/b.file', sha256: 'b'.repeat(64) };
const deployable = (kernel: string): DeployableImage => ({
  os: 'ubuntu',
  release: 'noble',
  path: '/images/aa/a.squashfs',
  sha256: 'a'.repeat(64),
  bytes: 1,
  format: 'squashfs',
  starts: { kernel: FILE, initrd: FILE },
  system: { subarch: kernel },
});

test('the form for a deployment offers the kernels of a system that has several, and deploys the chosen one', {
  skip: missing('chromium'),
}, async () => {
  const live = await startRegion(
    {},
    {
      listImages: async () => WITH_KERNELS,
      findImage: ({ release, kernel = 'ga-24.04' }) => (release === 'noble' ? deployable(kernel) : undefined),
    },
  );
  const browser = await openBrowser();
  const field = "document.querySelector('[name=hwe_kernel]')";
  const isShown = `${field}.getClientRects().length > 0`;
  const method = (way: string) => `document.querySelector('[name=deploy_by][value=${way}]').click()`;
  /** Chooses in a list or among radio buttons, or fills a field. */
  const give = (name: string, text: string): Promise<unknown> =>
    browser.evaluate(`[...document.querySelectorAll('[name=${name}]')].forEach((one) => {
      if (one.type !== 'radio') one.value = '${text}';
      else if (one.value === '${text}') one.click();
    })`);
  const send = async () => {
    const submit = "(window.isBefore = true, document.querySelector('main form.form').requestSubmit(), 1)";
    await browser.evaluate(submit).catch(() => undefined);
    await browser.until("window.isBefore === undefined && document.readyState === 'complete'", 15_000);
  };
  try {
    const { region } = live;
    const outcome = await region.enlist(report([0x525400000001], { hostname: 'web1' }));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    const isReady = { kind: 'change', fields: { status: 'ready' }, events: [] } as const;
    await region.store.changeMachine<never>(systemId, region.clock.wallTimeMs(), () => isReady);
    const added = { type: 'AUTHORISATION', code: 'ssh-key-added', params: { user: 'admin' } } as const;
    const key = { username: 'admin', key: sshKey(1), createdMs: 1 };
    await region.store.life.addSshKey(key, 9, { ...added, atMs: 1, username: 'admin' });
    await browser.open(`${live.origin}/MAAS/login/`);
    await give('username', 'admin');
    await give('password', PASSWORD);
    await send();
    for (const width of [1280, 390]) {
      await browser.resize(width, 900);
      await browser.open(`${live.origin}/MAAS/machines/${systemId}/do/deploy/`);
      const texts = await browser.evaluate(`[...${field}.options].map((one) => one.textContent)`);
      const named = ['ga-24.04', 'hwe-24.04', 'hwe-24.04-edge'].map((kernel) => `${kernel} · noble`);
      assert.deepEqual(texts, ['The usual one', ...named]);
      const overflow = await browser.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      assert.ok(Number(overflow) <= 0, `${width} px: ${overflow} px too wide`);
      const directory = process.env.RACKBOOT_SCREENSHOTS;
      if (directory !== undefined) await browser.screenshot(`${directory}/deploy-kernels-${width}.png`);
      assert.equal(await browser.evaluate(isShown), true);
      await browser.evaluate(method('installer'));
      assert.equal(await browser.evaluate(isShown), false, 'an installer brings its own kernel');
    }
    await browser.evaluate(method('image'));
    await give('distro_series', 'ubuntu/noble');
    await give('hwe_kernel', 'hwe-24.04');
    await send();
    const machine = await region.store.findMachine(systemId);
    assert.deepEqual([machine?.status, machine?.kernel], ['deploying', 'hwe-24.04']);
    assert.deepEqual(browser.complaints, []);
  } finally {
    await browser.close();
    await live.close();
  }
});

test('a bond and a RAID are made by their forms, and shown among the interfaces and disks', {
  skip: missing('chromium'),
}, async () => {
  const live = await startRegion();
  const browser = await openBrowser();
  const text = async () => String(await browser.evaluate('document.body.innerText'));
  const goes = async (expression: string) => {
    await browser.evaluate(`(window.isBefore = true, ${expression}, 1)`).catch(() => undefined);
    await browser.until("window.isBefore === undefined && document.readyState === 'complete'", 15_000);
  };
  const follow = (label: string) =>
    goes(`[...document.querySelectorAll('main a')].find((one) => one.textContent === '${label}').click()`);
  const tick = (label: string) =>
    browser.evaluate(
      `([...document.querySelectorAll('label.choice')].find((one) => one.textContent.trim().startsWith('${label}')).querySelector('input').click(), 1)`,
    );
  const fill = (name: string, value: string) =>
    browser.evaluate(`(document.querySelector('main [name=${name}]').value = '${value}', 1)`);
  const submit = () => goes("document.querySelector('main form.form').requestSubmit()");
  try {
    const disks = ['sda', 'sdb'].map((name) => ({ name, bytes: 64e9, model: ATTACK, serial: `serial-${name}` }));
    const facts = parseHardwareFacts(JSON.stringify({ disks }));
    assert.ok(facts.kind === 'value');
    const outcome = await live.region.enlist(
      report([0x525400000001, 0x525400000002], { hostname: 'web1', facts: facts.value }),
    );
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    await browser.resize(1280, 900);
    await signIn(browser, live.origin);

    await browser.open(`${live.origin}/MAAS/machines/${systemId}/network/`);
    await follow('Make a bond');
    await fill('name', 'bond0');
    await submit();
    assert.match(await text(), /Not done/, 'a bond needs interfaces');
    await tick('eth0');
    await tick('eth1');
    await submit();
    await browser.until(`location.pathname.endsWith('/network/')`, 10_000);
    assert.match(await text(), /bond0\s+bond · eth0, eth1/);

    await browser.open(`${live.origin}/MAAS/machines/${systemId}/storage/`);
    await follow('Make a RAID');
    await tick('sda');
    await tick('sdb');
    await submit();
    await browser.until(`location.pathname.endsWith('/storage/')`, 10_000);
    assert.match(await text(), /md0\s+RAID 1 of sda, sdb/);
    assert.ok((await text()).includes(ATTACK));
    const machine = await live.region.store.findMachine(systemId);
    assert.deepEqual(machine?.layout?.network?.interfaces.find(({ kind }) => kind === 'bond')?.name, 'bond0');
    assert.equal(machine?.layout?.storage?.raids.length, 1);
    assert.notEqual(await browser.evaluate('document.title'), 'owned');
    assert.deepEqual(
      browser.complaints.filter((one) => !one.includes('status of 4')),
      [],
    );
  } finally {
    await browser.close();
    await live.close();
  }
});
