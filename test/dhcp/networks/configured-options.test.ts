// Configured options in replies: which clients get them, in which order the levels count, and what stays with the boot plan.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { decide } from '../../../src/dhcp/answers/decide.ts';
import { encodeReply, replyBytesMax } from '../../../src/dhcp/answers/reply.ts';
import type { ClientCondition } from '../../../src/dhcp/networks/conditions.ts';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { buildOptionTable, type ConfiguredOption } from '../../../src/dhcp/networks/configured-options.ts';
import { type DhcpMessage, encodeDhcpMessage } from '../../../src/dhcp/wire/message.ts';
import { findOption } from '../../../src/dhcp/wire/option-table.ts';
import { optionU16List, textBytes } from '../../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4 } from '../../../src/ground/address.ts';
import { instant, seconds } from '../../../src/ground/clock.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import {
  type ClientWords,
  clientBytes,
  config,
  labState,
  MAC_A,
  machine,
  readReply,
  subnet,
  textOption,
} from '../lab.ts';

const entry = (
  code: number,
  value: string | readonly number[],
  more: { readonly force?: boolean; readonly when?: ClientCondition } = {},
): ConfiguredOption => ({
  code,
  value: typeof value === 'string' ? textBytes(value) : Uint8Array.from(value),
  force: more.force ?? false,
  when: more.when,
});

const exactly = (text: string) => ({ text, isPrefix: false });
const beginning = (text: string) => ({ text, isPrefix: true });

const asking = (...codes: readonly number[]): Pick<ClientWords, 'options'> => ({
  options: [[55, Uint8Array.from(codes)]],
});
const PXE = { vendorClass: 'PXEClient:Arch:00000:UNDI:002001' };
const HTTP = { vendorClass: 'HTTPClient:Arch:00016:UNDI:003000' };

/** The offer to a client in a network with these options, as it reads it. */
function offer(
  network: readonly ConfiguredOption[],
  words: ClientWords = {},
  more: { readonly changes?: Partial<DhcpSubnet>; readonly machines?: readonly RackMachine[] } = {},
): DhcpMessage {
  const dhcpConfig = config(subnet({ options: buildOptionTable(network), ...more.changes }));
  const request = readReply(clientBytes({ type: 'discover', ...words }));
  const arrival = { interfaceName: 'eth1', localAddress: ANY };
  const decision = decide(request, arrival, labState(dhcpConfig, more.machines), instant(0));
  assert.ok(decision.kind === 'reply', JSON.stringify(decision));
  const encoded = encodeReply(decision.message, request);
  assert.deepEqual(encoded.omitted, []);
  return readReply(encoded.bytes);
}

const bytes = (message: DhcpMessage, code: number): readonly number[] | undefined => {
  const value = message.options.get(code);
  return value === undefined ? undefined : [...value];
};

test('an option goes to a client that asks for it, in the order of its list, and to others if forced', () => {
  const options = [entry(101, 'Europe/Berlin'), entry(42, [1, 2, 3, 4]), entry(224, 'x', { force: true })];
  assert.deepEqual(
    [...offer(options, asking(42, 28, 101)).options.keys()],
    [53, 54, 51, 58, 59, 1, 3, 42, 28, 101, 224],
  );
  const other = offer(options, asking(28));
  assert.deepEqual([textOption(other, 101), bytes(other, 42), textOption(other, 224)], [undefined, undefined, 'x']);
});

test('a client without a list gets every option meant for it, after those it always gets', () => {
  const options = [entry(101, 'zone'), entry(6, [9, 9, 9, 9]), entry(43, [1], { when: { userClass: exactly('x') } })];
  const message = offer(options);
  assert.deepEqual([...message.options.keys()], [53, 54, 51, 58, 59, 1, 3, 6, 15, 28, 101]);
  assert.deepEqual(bytes(message, 6), [9, 9, 9, 9]);
});

test('the host comes before the network, and of the entries of one code the first that matches', () => {
  const host = {
    mac: MAC_A,
    address: ip('10.20.0.20'),
    hostname: 'gateway',
    options: buildOptionTable([entry(17, 'host', { when: { vendorClass: exactly('a') } }), entry(12, 'named')]),
  };
  const options = [
    entry(17, 'of b', { when: { vendorClass: beginning('b') } }),
    entry(17, 'of the network'),
    entry(12, 'nobody'),
  ];
  const changes = { reservations: [host] };
  const root = (vendorClass: string): string | undefined =>
    textOption(offer(options, { vendorClass, ...asking(17) }, { changes }), 17);
  assert.deepEqual([root('a'), root('bcd'), root('c')], ['host', 'of b', 'of the network']);
  assert.equal(textOption(offer(options, asking(12), { changes }), 12), 'named');
});

test('all conditions of an entry must match', () => {
  const agent = Uint8Array.of(1, 4, 0, 4, 0, 26);
  const cases: readonly (readonly [string, ClientCondition, ClientWords, boolean])[] = [
    ['vendor class', { vendorClass: exactly('abc') }, { vendorClass: 'abc' }, true],
    ['another vendor class', { vendorClass: exactly('abc') }, { vendorClass: 'abcd' }, false],
    ['a vendor class that begins so', { vendorClass: beginning('abc') }, { vendorClass: 'abcd' }, true],
    ['no vendor class', { vendorClass: beginning('') }, {}, false],
    ['any vendor class', { vendorClass: beginning('') }, { vendorClass: 'x' }, true],
    ['user class', { userClass: exactly('lab') }, { options: [[77, textBytes('\u0002ab\u0003lab')]] }, true],
    ['no user class', { userClass: exactly('lab') }, { options: [[77, textBytes('\u0002ab')]] }, false],
    ['architecture of a list', { architectures: [7, 9] }, { options: [[93, Uint8Array.of(0, 6, 0, 9)]] }, true],
    ['architecture in the vendor class', { architectures: [7] }, { vendorClass: 'PXEClient:Arch:00007:x' }, true],
    ['another architecture', { architectures: [7] }, { vendorClass: 'PXEClient:Arch:00000:x' }, false],
    ['circuit', { circuitId: exactly('\0\u0004\0\u001a') }, { options: [[82, agent]] }, true],
    ['another circuit', { circuitId: exactly('\0\u0004\0\u001b') }, { options: [[82, agent]] }, false],
    ['no circuit', { circuitId: beginning('') }, {}, false],
    [
      'both',
      { vendorClass: exactly('abc'), circuitId: beginning('\0') },
      { vendorClass: 'abc', options: [[82, agent]] },
      true,
    ],
    ['one of both', { vendorClass: exactly('abc'), circuitId: beginning('\0') }, { vendorClass: 'abc' }, false],
  ];
  for (const [name, when, words, given] of cases) {
    assert.equal(textOption(offer([entry(224, 'x', { force: true, when })], words), 224) === 'x', given, name);
  }
});

test('a known machine keeps its name and domain, unless its host entry says otherwise', () => {
  const options = [entry(12, 'nobody'), entry(15, 'corp.example')];
  const known = { machines: [machine(MAC_A, '10.20.0.30', { domain: 'dc1.example' })] };
  const mine = offer(options, asking(12, 15), known);
  assert.deepEqual([textOption(mine, 12), textOption(mine, 15)], ['swift-fox', 'dc1.example']);
  const stranger = offer(options, asking(12, 15));
  assert.deepEqual([textOption(stranger, 12), textOption(stranger, 15)], ['nobody', 'corp.example']);
});

test('RFC 3442: a client that asks for routes gets them instead of router and static routes', () => {
  const routes = [16, 10, 9, 10, 20, 0, 254, 0, 10, 20, 0, 254];
  const options = [entry(121, routes), entry(33, [10, 9, 0, 0, 10, 20, 0, 254])];
  const modern = offer(options, asking(3, 33, 121));
  assert.deepEqual([bytes(modern, 121), bytes(modern, 3), bytes(modern, 33)], [routes, undefined, undefined]);
  const old = offer(options, asking(1, 3, 33));
  assert.deepEqual([bytes(old, 121), bytes(old, 3)], [undefined, [10, 20, 0, 254]]);
  assert.deepEqual(bytes(old, 33), [10, 9, 0, 0, 10, 20, 0, 254]);
  const elsewhere = [entry(121, routes, { when: { vendorClass: exactly('other') } })];
  assert.deepEqual(bytes(offer(elsewhere, asking(3, 121)), 3), [10, 20, 0, 254]);
});

test('the plan decides what boots a machine, unless an entry has a condition or is forced', () => {
  const own = [entry(66, '192.0.2.9'), entry(67, 'own.0'), entry(210, 'own/'), entry(43, [1, 1, 1]), entry(60, 'own')];
  const planned = offer(own, { ...PXE, ...asking(43, 60, 66, 67, 210) });
  assert.deepEqual(
    [66, 67, 210, 60].map((code) => textOption(planned, code)),
    ['10.20.0.1', 'bios.bin', 'http://rack/', undefined],
  );
  assert.deepEqual(
    [planned.file, formatIpv4(planned.siaddr), bytes(planned, 43)],
    ['bios.bin', '10.20.0.1', undefined],
  );

  const when = { vendorClass: beginning('PXEClient:Arch:00000') };
  const chosen = offer(
    [entry(66, '192.0.2.9', { when }), entry(67, 'own.0', { when }), entry(210, 'own/', { force: true })],
    PXE,
  );
  assert.deepEqual(
    [textOption(chosen, 66), textOption(chosen, 67), textOption(chosen, 210)],
    ['192.0.2.9', 'own.0', 'own/'],
  );
  assert.deepEqual([chosen.file, formatIpv4(chosen.siaddr)], ['own.0', '192.0.2.9']);
  assert.equal(bytes(chosen, 67)?.at(-1), 0);
});

test('the event of an offer or a lease names the file in the reply, and its server', () => {
  const when = { vendorClass: beginning('PXEClient:Arch:00000') };
  const both = [entry(66, '192.0.2.9', { when }), entry(67, 'own.0', { when })];
  const cases: readonly (readonly [readonly ConfiguredOption[], readonly (string | undefined)[]])[] = [
    [both, ['own.0', '192.0.2.9', undefined]],
    [both.slice(1), ['own.0', '10.20.0.1', undefined]],
    [both.slice(0, 1), ['bios.bin', '192.0.2.9', undefined]],
    [[entry(67, 'own.0')], ['bios.bin', undefined, 'test']],
  ];
  for (const [options, reported] of cases)
    for (const type of ['discover', 'request'] as const) {
      const dhcpConfig = config(subnet({ options: buildOptionTable(options) }));
      const words: ClientWords = type === 'discover' ? PXE : { ...PXE, requested: ip('10.20.0.100'), server: RACK };
      const arrival = { interfaceName: 'eth1', localAddress: ANY };
      const state = labState(dhcpConfig);
      const { event } = decide(readReply(clientBytes({ type, ...words })), arrival, state, instant(0));
      assert.deepEqual([event?.file, event?.fileServer, event?.loaderKey], reported, type);
    }
});

test('option 60 of UEFI HTTP boot is never replaced', () => {
  const message = offer([entry(60, 'PXEClient', { force: true }), entry(67, 'http://x/y', { force: true })], HTTP);
  assert.deepEqual([textOption(message, 60), textOption(message, 67)], ['HTTPClient', 'http://x/y']);
  assert.equal(message.file, 'http://x/y');
});

test('firmware gets a configured option 43 if its plan has none, and never instead of the plan’s', () => {
  const when = { vendorClass: beginning('PXEClient') };
  const network = [entry(43, [9, 1, 9], { when })];
  assert.deepEqual(bytes(offer(network, PXE), 43), [9, 1, 9]);
  const vendorOptions = Uint8Array.of(6, 1, 3);
  const state = {
    ...labState(config(subnet({ options: buildOptionTable(network) }))),
    planBoot: () => ({ serverAddress: RACK, file: 'x', reason: { loaderKey: 'test' }, vendorOptions }),
  };
  const request = readReply(clientBytes({ type: 'discover', ...PXE }));
  const decision = decide(request, { interfaceName: 'eth1', localAddress: ANY }, state, instant(0));
  assert.ok(decision.kind === 'reply');
  assert.deepEqual(bytes(decision.message, 43), [6, 1, 3]);
});

test('a client that does not boot gets a configured boot file, from this rack unless another server is named', () => {
  const message = offer([entry(67, 'phone.cfg')], asking(67));
  assert.deepEqual([textOption(message, 67), message.file, message.siaddr], ['phone.cfg', 'phone.cfg', RACK]);
  assert.deepEqual([...(bytes(message, 67) ?? [])].at(-1), 'g'.charCodeAt(0));
  const silent = offer([entry(67, 'phone.cfg')], asking(1));
  assert.deepEqual([silent.file, silent.siaddr], ['', RACK]);
});

test('iPXE gets the configured options within 175', () => {
  const ipxe = { ...PXE, options: [[77, textBytes('iPXE')]] } as const;
  assert.deepEqual(bytes(offer([entry(175, [190, 1, 65, 176, 1, 1])], ipxe), 175), [190, 1, 65, 176, 1, 1]);
  assert.deepEqual(bytes(offer([entry(101, 'x')], ipxe), 175), [176, 1, 1]);
});

test('an option of 400 bytes is divided, and moves with others to file and sname if the client accepts no more', () => {
  const long = Array.from({ length: 400 }, (_, index) => index % 256);
  const message = offer([entry(224, long), entry(225, 'x'.repeat(20))], asking(225, 224));
  assert.deepEqual([bytes(message, 224), textOption(message, 225)], [long, 'x'.repeat(20)]);
});

test('lease times: firmware, deployed machines, a client’s wish within its limits, T1 and T2', () => {
  const times = (words: ClientWords, changes: Partial<DhcpSubnet>, machines: readonly RackMachine[] = []) => {
    const message = offer([], words, { changes, machines });
    return [51, 58, 59].map((code) => {
      const [high = 0, low = 0] = optionU16List(message.options, code);
      return high * 65_536 + low;
    });
  };
  const wish = (value: number): ClientWords => ({
    options: [[51, new Uint8Array(Buffer.from([0, 0, value >> 8, value & 255]))]],
  });
  const deployed = [machine(MAC_A, '10.20.0.30')];
  const ready = [machine(MAC_A, '10.20.0.30', { statusName: 'Ready' })];
  const long = { deployedLeaseTime: seconds(86_400) };
  const bounds = { leaseTimeMin: seconds(300), leaseTimeMax: seconds(3600) };
  const cases: readonly (readonly [string, readonly number[], readonly number[]])[] = [
    ['everybody', times({}, {}), [600, 300, 525]],
    ['firmware', times(PXE, {}), [30, 15, 26]],
    ['firmware, configured', times(PXE, { pxeLeaseTime: seconds(120) }), [120, 60, 105]],
    ['firmware that asks', times({ ...PXE, ...wish(3000) }, bounds), [30, 15, 26]],
    ['a deployed machine', times({}, long, deployed), [86_400, 43_200, 75_600]],
    ['its firmware', times(PXE, long, deployed), [30, 15, 26]],
    ['a machine that is not deployed', times({}, long, ready), [600, 300, 525]],
    ['a stranger', times({}, long), [600, 300, 525]],
    ['a wish that is ignored', times(wish(3000), {}), [600, 300, 525]],
    ['a wish within the limits', times(wish(3000), bounds), [3000, 1500, 2625]],
    ['a wish below', times(wish(5), bounds), [300, 150, 262]],
    ['a wish above', times(wish(65_000), bounds), [3600, 1800, 3150]],
    ['a wish for nothing', times(wish(0), bounds), [600, 300, 525]],
    ['an upper limit alone', times(wish(5), { leaseTimeMax: seconds(3600) }), [600, 300, 525]],
    ['T1 and T2', times({}, { renewalTime: seconds(200), rebindingTime: seconds(400) }), [600, 200, 400]],
    ['in proportion', times(PXE, { renewalTime: seconds(200), rebindingTime: seconds(400) }), [30, 10, 20]],
  ];
  for (const [name, found, expected] of cases) assert.deepEqual(found, expected, name);
});

function capture(name: string): Uint8Array {
  const file = new URL(`../../../fixtures/packets/dhcp-${name}.hex`, import.meta.url);
  const lines = readFileSync(file, 'utf8').split('\n');
  const digits = lines.filter((line) => !line.startsWith('#')).join('');
  return Uint8Array.from(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
}

test('real clients get what their lists ask for, and firmware what it boots', () => {
  const options = [
    entry(119, [1, 97, 0]),
    entry(121, [0, 10, 20, 0, 254]),
    entry(26, [5, 220]),
    entry(43, [1, 1, 1]),
    entry(17, 'nfs:/root'),
  ];
  const given = (name: string): readonly number[] => {
    const dhcpConfig = config(subnet({ options: buildOptionTable(options) }));
    const arrival = { interfaceName: 'eth1', localAddress: ANY };
    const decision = decide(readReply(capture(name)), arrival, labState(dhcpConfig), instant(0));
    assert.ok(decision.kind === 'reply');
    return [...decision.message.options.keys()].filter((code) => [3, 17, 26, 43, 119, 121].includes(code));
  };
  assert.deepEqual(given('dhclient-discover'), [119, 26, 121]);
  assert.deepEqual(given('udhcpc-discover'), [3]);
  assert.deepEqual(given('ipxe-bios-discover'), [3, 17, 26, 119]);
  assert.deepEqual(given('ovmf-pxe-discover'), [3, 17]);
});

test('whatever is configured and requested, the reply fits, can be read back, and has what every reply must have', () => {
  const condition = fc.option(
    fc.record({ vendorClass: fc.constantFrom(exactly('a'), beginning(''), beginning('PXEClient')) }),
    { nil: undefined },
  );
  const configured = fc
    .record({
      code: fc.integer({ min: 1, max: 254 }).filter((code) => findOption(code)?.kind !== 'refused'),
      value: fc.uint8Array({ minLength: 1, maxLength: 400 }),
      force: fc.boolean(),
      when: condition,
    })
    .map((one): ConfiguredOption => one);
  const words = fc.record({
    vendorClass: fc.constantFrom('a', '', PXE.vendorClass, HTTP.vendorClass),
    list: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
    sizeBytes: fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined }),
    agent: fc.option(fc.uint8Array({ maxLength: 250 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(
      fc.array(configured, { maxLength: 20 }),
      fc.array(configured, { maxLength: 4 }),
      words,
      (network, host, { vendorClass, list, sizeBytes, agent }) => {
        const asked: [number, Uint8Array][] = [];
        if (list !== undefined) asked.push([55, list]);
        if (sizeBytes !== undefined) asked.push([57, Uint8Array.of(sizeBytes >> 8, sizeBytes & 255)]);
        if (agent !== undefined) asked.push([82, agent]);
        const reservation = { mac: MAC_A, address: ip('10.20.0.20'), options: buildOptionTable(host) };
        const dhcpConfig = config(subnet({ options: buildOptionTable(network), reservations: [reservation] }));
        const request = readReply(clientBytes({ type: 'discover', vendorClass, options: asked }));
        const decision = decide(
          request,
          { interfaceName: 'eth1', localAddress: ANY },
          labState(dhcpConfig),
          instant(0),
        );
        if (decision.kind !== 'reply') return;
        const limit = replyBytesMax(request);
        const { bytes: written, omitted } = encodeDhcpMessage(decision.message, limit);
        assert.ok(written.length <= limit);
        const read = readReply(written);
        for (const code of [53, 54, 51, 58, 59]) assert.ok(read.options.has(code), `option ${code}`);
        assert.equal(read.yiaddr, ip('10.20.0.20'));
        assert.deepEqual(new Set([...read.options.keys(), ...omitted]), new Set(decision.message.options.keys()));
        if (vendorClass === HTTP.vendorClass) assert.equal(textOption(read, 60), 'HTTPClient');
        const own = (code: number): boolean => network.concat(host).some((one) => one.code === code);
        const allowed = new Set([1, 3, 53, 54, 51, 58, 59, 82, 60, 66, 67, 210, 175, ...(list ?? [6, 15, 28, 12])]);
        for (const code of read.options.keys()) assert.ok(allowed.has(code) || own(code), `option ${code} unasked`);
      },
    ),
    { numRuns: 1000 },
  );
});
