// Each hint: the steps that give it, its text, and the steps of healthy boots, which give none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { composeEventText } from '../../src/observe/event-text.ts';
import { BootWatch, type Hint } from '../../src/observe/hints.ts';

function event(kind: string, fields: Readonly<Record<string, unknown>> = {}, seconds = 0): RackEvent {
  return { kind, at: instant(seconds * 1000), mac: mac(0x525400123456), address: ipv4(0x0a140064), ...fields };
}

const BIOS = { client: 'bios', architecture: 0, file: 'lpxelinux.0' };
const offer = (more: Readonly<Record<string, unknown>> = {}): RackEvent => event('dhcp.offer', { ...BIOS, ...more });
/** Offers to DISCOVERs so many seconds after the first. */
const offersAt = (seconds: readonly number[], more: Readonly<Record<string, unknown>> = {}): readonly RackEvent[] =>
  seconds.map((at) => event('dhcp.offer', { ...BIOS, ...more }, at));
const sent = (file: string, more: Readonly<Record<string, unknown>> = {}, seconds = 0): RackEvent =>
  event('tftp.sent', { file, bytes: 44_000, blockBytes: 1408, repeatedBlocks: 0, ...more }, seconds);

const HINTS: readonly (readonly [string, readonly RackEvent[], string, RegExp])[] = [
  [
    'a first DISCOVER that says how long the machine has been asking: spanning tree',
    [offer({ waitedSeconds: 12 })],
    'asked-before-heard',
    /asking for 12 s .*spanning tree.*PortFast/,
  ],
  [
    'three offers without a REQUEST, as the next DISCOVER shows',
    offersAt([0, 4, 12, 28]),
    'offer-not-taken',
    /offered an address 3 times and took none/,
  ],
  [
    'an address of the other server in proxy mode and nothing loaded, twice',
    [0, 30, 60].flatMap((at) => [
      ...offersAt([at, at + 4], { proxied: true }),
      event('dhcp.elsewhere', { client: 'bios' }, at + 5),
    ]),
    'proxy-offer-ignored',
    /2 times and loaded nothing: .*quirk boot-server /,
  ],
  [
    'the offer of another server taken',
    [offer(), event('dhcp.refused', { reason: 'other-server-chosen' })],
    'other-server',
    /another DHCP server on this network/,
  ],
  [
    'an architecture without a loader',
    [offer({ client: 'other', architecture: 25, file: undefined })],
    'no-loader',
    /architecture 25.*boot\.loaders/,
  ],
  [
    'the same loader three times and no kernel: a loop',
    [offer(), sent('lpxelinux.0'), offer(), sent('lpxelinux.0', {}, 40), offer(), sent('lpxelinux.0', {}, 80)],
    'loader-loop',
    /loaded lpxelinux\.0 3 times without requesting a configuration/,
  ],
  [
    'a missing boot file',
    [offer(), event('tftp.missing', { file: 'lpxelinux.0', reason: 'not-in-tree' })],
    'file-missing',
    /needs lpxelinux\.0, .*rackboot images build/,
  ],
  [
    'a missing second stage of a loader',
    [offer(), event('tftp.missing', { file: 'grubx64.efi', reason: 'not-in-tree' })],
    'file-missing',
    /needs grubx64\.efi/,
  ],
  [
    'a missing second stage of a loader for arm64',
    [offer(), event('tftp.missing', { file: 'grubaa64.efi', reason: 'not-in-tree' })],
    'file-missing',
    /needs grubaa64\.efi, .*`sudo rackboot images build --arch arm64` fetches the loaders/,
  ],
  [
    'a missing kernel',
    [offer(), event('http.missing', { file: '/amd64/generic/bookworm/commissioning/linux', reason: 'not-in-tree' })],
    'file-missing',
    /boot tree: `sudo rackboot images build` builds the environment, or put/,
  ],
  [
    "a missing installer's kernel",
    [offer(), event('http.missing', { file: '/amd64/generic/bookworm/install/linux', reason: 'not-in-tree' })],
    'file-missing',
    /boot tree: `sudo rackboot images import-installer` adds Debian's installer, or put/,
  ],
  [
    'a configuration that can only explain',
    [offer(), event('http.rendered', { file: '/pxelinux.cfg/default', purpose: 'image-missing' })],
    'cannot-start',
    /kernel and initrd are not in the boot tree: `sudo rackboot images build`/,
  ],
  [
    'a transfer that ends in the middle',
    [offer(), event('tftp.timed-out', { file: 'linux', bytes: 700_000, blockBytes: 1408 })],
    'transfer-stalled',
    /stopped acknowledging linux/,
  ],
  [
    'two transfers without an acknowledged block',
    [
      offer(),
      event('tftp.timed-out', { file: 'a', bytes: 0, blockBytes: 1468 }),
      event('tftp.timed-out', { bytes: 0, blockBytes: 1468 }),
    ],
    'transfer-unheard',
    /firewall .* 1468 bytes/,
  ],
  [
    'a tenth of the blocks sent again',
    [offer(), sent('linux', { bytes: 8_000_000, repeatedBlocks: 900 })],
    'packets-lost',
    /900 of 5682 blocks of linux/,
  ],
  [
    'a report that the region refuses',
    [event('http.posted', { status: 403, file: 'x', said: 'Too many are New.', reason: 'new-machines-limit' })],
    'report-refused',
    /with 403: Too many are New\. \(new-machines-limit\)$/,
  ],
  [
    'a file that GRUB loaded by HTTP and again by TFTP: Secure Boot refused it',
    [offer(), event('http.file-sent', { file: '/profiles/memtest.efi' }), sent('profiles/memtest.efi')],
    'kernel-refused',
    /memtest\.efi .*bad shim signature.*turn Secure Boot off/,
  ],
  [
    'firmware that ends the TLS handshake of the loader that it was offered',
    [
      event('dhcp.offer', { client: 'uefi-http', architecture: 16, file: 'https://10.20.0.1/bootx64.efi' }),
      event('http.tls-failed', { reason: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' }),
    ],
    'tls-failed',
    /UNKNOWN_CA\).* does not trust the certificate/,
  ],
];

const textOf = (hint: Hint | undefined): string =>
  hint === undefined ? '' : composeEventText({ ...hint, kind: 'boot.hint', at: instant(0) });

test('each pattern gives its hint once per boot', async (t) => {
  for (const [name, events, hint, text] of HINTS) {
    await t.test(name, () => {
      const watch = new BootWatch();
      const found = events.flatMap((one) => watch.observe(one));
      assert.deepEqual(
        found.map((one) => one.hint),
        [hint],
      );
      assert.match(textOf(found[0]), text);
      const last = events.at(-1);
      assert.ok(last !== undefined);
      assert.ok(!watch.observe(last).some((one) => one.hint === hint), 'given once');
    });
  }
});

test('in proxy mode, the hint blames the other DHCP server for the missing address', () => {
  const watch = new BootWatch();
  const offers = offersAt([0, 4, 12, 28], { proxied: true, address: undefined });
  const found = offers.flatMap((one) => watch.observe(one));
  assert.deepEqual(
    found.map(({ hint }) => hint),
    ['offer-not-taken'],
  );
  assert.match(textOf(found[0]), /3 times and took none: .*other DHCP server/);
});

const HEALTHY: readonly (readonly [string, readonly RackEvent[]])[] = [
  [
    'OVMF asks for the size, ends the transfer and asks again',
    [
      offer({ client: 'uefi', architecture: 7, file: 'bootx64.efi' }),
      event('dhcp.ack'),
      event('tftp.probed', { file: 'bootx64.efi' }),
      sent('bootx64.efi'),
      event('tftp.missing', { file: 'revocations.efi', reason: 'not-in-tree' }),
      event('tftp.missing', { file: 'shim_certificate_0.efi', reason: 'not-in-tree' }),
      sent('grubx64.efi'),
      event('tftp.missing', { file: 'grub/x86_64-efi/command.lst', reason: 'not-in-tree' }),
      event('tftp.sent', { file: 'grub/grub.cfg', purpose: 'chain' }),
      event('tftp.sent', { file: 'grub/grub.cfg-52:54:00:12:34:56', purpose: 'enlist' }),
    ],
  ],
  ['an Intel ROM that counts from 4', [offer({ waitedSeconds: 4 }), event('dhcp.ack')]],
  [
    'a machine that boots its own disk every hour',
    Array.from({ length: 9 }, (_, hour) => [
      offer(),
      event('dhcp.ack'),
      sent('lpxelinux.0', {}, hour * 3600),
      event('http.rendered', { file: '/pxelinux.cfg/01-x', purpose: 'local' }),
    ]).flat(),
  ],
  [
    'a loader that is loaded again for each kernel',
    Array.from({ length: 5 }, () => [offer(), event('dhcp.ack'), sent('lpxelinux.0'), sent('a/linux')]).flat(),
  ],
  ['a little loss', [offer(), sent('linux', { bytes: 8_000_000, repeatedBlocks: 12 })]],
  ['one transfer without an answer', [offer(), event('tftp.timed-out', { file: 'a', bytes: 0 })]],
  [
    'a person who presses a key',
    [offer(), event('tftp.aborted', { file: 'a', bytes: 10, code: 0, reason: 'User aborted' })],
  ],
  [
    'a machine that takes the address of another server',
    Array.from({ length: 5 }, () => [offer({ proxied: true }), event('dhcp.elsewhere')]).flat(),
  ],
  [
    'a machine that takes the address of another server and boots, again and again',
    Array.from({ length: 5 }, () => [
      offer({ proxied: true }),
      event('dhcp.elsewhere', { client: 'bios' }),
      sent('pxelinux.cfg/default', { purpose: 'local' }),
    ]).flat(),
  ],
  [
    'a machine that asks the boot server after it took the address of another server',
    Array.from({ length: 5 }, () => [
      offer({ proxied: true }),
      event('dhcp.elsewhere', { client: 'bios' }),
      event('dhcp.boot-server', BIOS),
    ]).flat(),
  ],
  ['a machine that takes the third offer', [...offersAt([0, 4, 12]), event('dhcp.ack', {}, 12.002)]],
  [
    'a machine that takes the third offer, boot after boot',
    [0, 60, 120].flatMap((from) => [...offersAt([from, from + 4, from + 12]), event('dhcp.ack', {}, from + 12.002)]),
  ],
  [
    'a machine whose DISCOVERs two relay agents bring, and that takes the third offer',
    [...offersAt([0, 0.01, 4, 4.01, 12, 12.01]), event('dhcp.ack', {}, 12.02)],
  ],
  [
    'a failed handshake of a machine that was offered no https',
    [offer(), event('http.tls-failed', { reason: 'ECONNRESET' })],
  ],
  [
    'an initrd by HTTP between two loads of the kernel: the initrd did not arrive',
    [offer(), ...['/linux', '/initrd.gz'].map((file) => event('http.file-sent', { file })), sent('linux')],
  ],
  ['a system that renews', Array.from({ length: 9 }, () => event('dhcp.ack', { renewal: true }))],
];

test('a healthy boot gives no hint', async (t) => {
  for (const [name, events] of HEALTHY) {
    await t.test(name, () => {
      const watch = new BootWatch();
      assert.deepEqual(
        events.flatMap((one) => watch.observe(one)),
        [],
      );
    });
  }
});

test('a hint may be given again in the next boot', () => {
  const watch = new BootWatch();
  assert.equal(watch.observe(offer({ waitedSeconds: 12 })).length, 1);
  watch.begin();
  assert.equal(watch.observe(offer({ waitedSeconds: 12 })).length, 1);
});
