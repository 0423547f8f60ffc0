// DHCP set up by a person in a browser: it is enabled on a second interface of a rack without networks, a real client leases an address, and
// the lease becomes a reservation, which is released, and the lease is ended. All of it happens on the page.
// @host waits

import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startVirtualPage } from '../../src/lab/virtual-lab.ts';
import { type BrowserPage, openBrowser } from '../page/chromium.ts';
import { clientScript } from '../support/client-script.ts';
import { portOf } from '../support/listening-port.ts';
import { missing } from '../support/needs.ts';
import { eventually, PASSWORD } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const MAC = '52:54:00:99:00:01';
const skip = missing('linux', 'root', 'ip', 'dhclient', 'chromium');

describe('a rack without a network, and a browser', { skip }, () => {
  let rack: RackNetwork;
  let client = '';
  let page: Awaited<ReturnType<typeof startVirtualPage>>;
  let browser: BrowserPage;
  const scratch = (name: string): string => join(rack.directory, name);

  before(async () => {
    rack = new RackNetwork('page', '10.98.7.1');
    client = rack.addFarHost(rack.namespace.name, 'second', MAC, '172.16.9.1/24');
    writeFileSync(scratch('script'), clientScript(24), { mode: 0o755 });
    rack.configure('');
    await rack.start();
    await rack.administrator('ann');
    page = await startVirtualPage(rack.stateDir, 0);
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    page?.close();
    await rack?.remove();
  });

  const text = async (): Promise<string> => String(await browser.evaluate('document.body.innerText'));
  const isShown = (words: string): Promise<void> =>
    browser.until(`document.body.innerText.includes(${JSON.stringify(words)})`, 20_000);

  /** Follows a link or sends a form, and waits for the next page. @param act a JavaScript expression */
  async function go(act: string): Promise<void> {
    await browser.evaluate(`(window.isBefore = true, ${act}, 1)`).catch(() => undefined);
    await browser.until("window.isBefore === undefined && document.readyState === 'complete'", 20_000);
  }

  /** Clicks the link or button with this text, in the row that also has `near`. */
  const click = (label: string, near = ''): Promise<void> =>
    go(
      `[...document.querySelectorAll('main a, main button')].find((one) => one.textContent.trim() === ${JSON.stringify(label)} && (one.closest('tr, .list-item') ?? one.parentElement).textContent.includes(${JSON.stringify(near)})).click()`,
    );

  /** Writes into a field as a person does. */
  const write = (name: string, value: string) =>
    browser.evaluate(
      `(field => (field.value = ${JSON.stringify(value)}, field.dispatchEvent(new Event('input', { bubbles: true }))))(document.querySelector('[name=${name}]'))`,
    );

  /** The address that dhclient gets; `undefined`: no server answers. */
  async function lease(): Promise<string | undefined> {
    for (const name of ['script.turns', 'leases']) rmSync(scratch(name), { force: true });
    writeFileSync(
      scratch('conf'),
      'request subnet-mask, routers;\nsend host-name "notebook";\ntimeout 5;\ninitial-interval 1;\n',
    );
    const files = ['-cf', scratch('conf'), '-lf', scratch('leases'), '-pf', scratch('pid'), '-sf', scratch('script')];
    const running = rack.launch(client, 'dhclient', '-4', '-d', '-1', ...files, 'eth0');
    const turns = () => (existsSync(scratch('script.turns')) ? readFileSync(scratch('script.turns'), 'utf8') : '');
    try {
      return await eventually('an answer', () => /^BOUND (\S+)$/m.exec(turns())?.[1], 8000).catch(() => undefined);
    } finally {
      await running.end();
    }
  }

  test('DHCP enabled on the second interface leases an address, and the lease becomes a reservation', async () => {
    assert.equal(await lease(), undefined);
    const origin = `http://localhost:${portOf(page)}`;
    await browser.open(`${origin}/MAAS/login/`);
    const account = JSON.stringify({ username: 'ann', password: PASSWORD });
    await go(
      `(Object.entries(${account}).forEach(([id, value]) => { document.getElementById(id).value = value; }), document.querySelector('form').submit())`,
    );
    await browser.open(`${origin}/MAAS/networks/`);
    await click('Enable DHCP', '172.16.9.1/24');
    assert.match(await text(), /Enable DHCP in 172\.16\.9\.0\/24/);
    await write('ip_range_high', '172.16.9.100');
    await browser.until("document.querySelector('#f-ip_range_low[aria-invalid]') !== null", 20_000);
    assert.match(await text(), /172\.16\.9\.160 is above Dynamic range, last address 172\.16\.9\.100/);
    await write('ip_range_high', '172.16.9.254');
    await browser.until("document.querySelector('[aria-invalid]') === null", 20_000);
    await isShown('These values fit.');
    await click('Enable DHCP');
    await isShown('DHCP is enabled in 172.16.9.0/24.');
    const address = await eventually('the lease', lease);
    assert.match(address, /^172\.16\.9\.(?:1[6-9]\d|2\d\d)$/);

    await isShown(address);
    await isShown('notebook');
    await click('Reserve this', address);
    await click('Reserve');
    await isShown(`${address} is reserved.`);
    assert.match(
      await rack.well('hosts', 'list'),
      new RegExp(`${address.replaceAll('.', '\\.')}\\s+${MAC}\\s+notebook`, 'i'),
    );
    assert.equal(await lease(), address);

    await click('Release', address);
    await isShown(`${address} is no longer reserved.`);
    assert.doesNotMatch(await rack.well('hosts', 'list'), new RegExp(MAC, 'i'));

    assert.match(await rack.well('leases', 'list', '--state', 'bound'), new RegExp(address.replaceAll('.', '\\.')));
    await click('End lease', address);
    await isShown(`The lease of ${address} has ended`);
    assert.doesNotMatch(await rack.well('leases', 'list', '--state', 'bound'), new RegExp(MAC, 'i'));
    assert.match(await rack.well('leases', 'list', '--state', 'released'), new RegExp(MAC, 'i'));
    await isShown('Leased 0');
    assert.deepEqual(browser.complaints, []);
  });
});
