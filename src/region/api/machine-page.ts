// The page of one machine at /MAAS/machines/SYSTEM-ID/: what it is, and what it did, boot by boot, as the region's log has it. A machine
// that is not enlisted has one too, under its hardware address.
//
// 1. Every text that was not written in this file goes through `escapeHtml`, also inside attributes.
// 2. Power parameters are not shown: they hold passwords.

import { formatMac, type MacAddress, mac as macAddress, parseMac } from '../../net/address.ts';
import { bootPurpose } from '../boot-purpose.ts';
import { type Machine, machineFqdn } from '../machine.ts';
import { EVENT_TYPES, type MachineEvent } from '../machine-event.ts';
import type { Region } from '../region.ts';
import { escapeHtml } from './html.ts';
import { addressesOf } from './machine-json.ts';
import { asSentence, formatAge, formatDisk, formatMemory, livePage, SPACE, statusPill } from './page-parts.ts';

/** Events on the page, the newest; the API has them all. */
export const PAGE_STEPS_MAX = 300;
/** Disks and interfaces that are listed one by one. */
const LISTED_MAX = 16;
/** So much silence before firmware asks again is a boot of its own. */
const QUIET_MS = 120_000;

/** The path of a machine's page, by its system id or its hardware address. */
export const machinePath = (machine: string): string => `/MAAS/machines/${encodeURIComponent(machine)}/`;

/** The page as it is now; undefined: no machine is called so, and nothing was heard of such a hardware address. */
export function renderMachinePage(region: Region, wanted: string): string | undefined {
  const mac = parseMac(wanted);
  const machine = mac === undefined ? region.store.findMachine(wanted) : ofMac(region, mac);
  if (machine !== undefined) return renderKnown(region, machine);
  return mac === undefined ? undefined : renderStranger(region, mac);
}

const ofMac = (region: Region, mac: MacAddress): Machine | undefined =>
  region.store.listMachines({ macs: [mac] }, 0, 1)[0];

function renderKnown(region: Region, machine: Machine): string {
  const nowMs = region.clock.wallTimeMs();
  const name = machineFqdn(machine);
  const events = region.store.listEvents({ machines: { systemIds: [machine.systemId] }, limit: PAGE_STEPS_MAX });
  return page({
    name,
    head: `<h2>${escapeHtml(name)}</h2>${statusPill(machine.status)}<span class="soft">${escapeHtml(machine.statusMessage)}</span>`,
    facts: factsOf(machine, nowMs),
    events,
    trace: formatMac(machine.interfaces[0]?.mac ?? macAddress(0)),
    nowMs,
  });
}

function renderStranger(region: Region, mac: MacAddress): string | undefined {
  const events = region.store.listEvents({ machines: { macs: [mac] }, limit: PAGE_STEPS_MAX });
  if (events.length === 0) return undefined;
  const name = formatMac(mac);
  const prefix = `${name}: `;
  return page({
    name,
    head: `<h2 class="mono">${name}</h2><span class="pill grey">not enlisted</span>`,
    facts: [],
    events: events.map((event) => ({ ...event, description: event.description.replace(prefix, '') })),
    trace: name,
    nowMs: region.clock.wallTimeMs(),
  });
}

type Fact = readonly [label: string, text: string];

interface PageFacts {
  readonly name: string;
  /** HTML. */
  readonly head: string;
  readonly facts: readonly Fact[];
  /** The newest first. */
  readonly events: readonly MachineEvent[];
  /** How the machine is named on the command line. */
  readonly trace: string;
  readonly nowMs: number;
}

function page({ name, head, facts, events, trace, nowMs }: PageFacts): string {
  const known = facts
    .filter(([, text]) => text !== '')
    .map(([label, text]) => `<div><dt>${escapeHtml(label)}</dt><dd>${escapeHtml(text)}</dd></div>`);
  const about =
    known.length === 0
      ? '<div class="note">It was heard of on the network and has not reported itself: nothing else is known of it.</div>'
      : `<dl class="facts">${known.join('')}</dl>`;
  const boots = bootsOf(events).map((boot) => renderBoot(boot, nowMs));
  const timeline =
    boots.length === 0 ? '<div class="sheet empty soft">Nothing was heard of it yet.</div>' : boots.join('');
  const cut =
    events.length < PAGE_STEPS_MAX ? '' : `<p class="small">The newest ${PAGE_STEPS_MAX} steps; the API lists all.</p>`;
  return livePage({
    title: `${name} · Rackboot`,
    heading: '<a class="back" href="/MAAS/">← all machines</a>',
    main: `<div class="head">${head}</div><div class="sheet">${about}</div>${timeline}${cut}`,
    footer: `On the rack: <code>rackboot trace ${escapeHtml(trace)} --follow</code> shows each step as it happens, <code>rackboot why ${escapeHtml(trace)}</code> what it would get now.`,
  });
}

const NEXT_BOOTS: Readonly<Record<ReturnType<typeof bootPurpose>, string>> = {
  enlist: 'reports itself again and switches off',
  commissioning: 'runs the ephemeral environment',
  install: 'installs its system',
  local: 'starts its own disk',
  poweroff: 'is switched off: there is nothing to do',
};

function factsOf(machine: Machine, nowMs: number): readonly Fact[] {
  const { facts, interfaces } = machine;
  const dmi = facts?.dmi;
  const cpu = facts === undefined || facts.cpu.count === 0 ? '' : `${facts.cpu.count}${SPACE}× ${facts.cpu.model}`;
  const disks = (facts?.disks ?? []).map(({ name, bytes, model }) => `${name} ${formatDisk(bytes)} ${model}`.trim());
  const nics = interfaces.map(({ name, mac }) => `${name} ${formatMac(mac)}`.trim());
  return [
    ['System id', machine.systemId],
    ['In this state since', formatAge(nowMs - machine.statusSinceMs)],
    ['Next network boot', NEXT_BOOTS[bootPurpose(machine)]],
    ['Addresses', addressesOf(machine).join(', ')],
    ['Interfaces', listText(nics)],
    ['Architecture', `${machine.architecture}/${machine.subarchitecture}`],
    ['Processors', cpu],
    ['Memory', formatMemory(facts?.memory_mib ?? 0)],
    ['Disks', listText(disks)],
    ['Hardware', [dmi?.vendor ?? '', dmi?.product ?? ''].filter((text) => text !== '').join(' ')],
    ['Serial number', machine.serial ?? ''],
    ['UUID', machine.uuid ?? ''],
    ['Power', `${machine.powerType === '' ? 'switched by hand' : machine.powerType}, ${machine.powerState}`],
    ['Owner', machine.owner ?? ''],
    ['Note', machine.description],
    ['Enlisted', formatAge(nowMs - machine.createdMs)],
  ];
}

function listText(items: readonly string[]): string {
  const shown = items.slice(0, LISTED_MAX).join(', ');
  return items.length > LISTED_MAX ? `${shown} and ${items.length - LISTED_MAX} more` : shown;
}

/** The steps of one boot, the first of them first. */
type Boot = readonly MachineEvent[];

/** Divides the log into boots, the newest first. */
export function bootsOf(events: readonly MachineEvent[]): readonly Boot[] {
  const boots: MachineEvent[][] = [];
  for (const event of events.toReversed()) {
    const current = boots.at(-1);
    if (current === undefined || startsBoot(event, current)) boots.push([event]);
    else current.push(event);
  }
  // What the region has done itself is in its log before what the rack told at the time: within a boot the time counts.
  return boots.reverse().map((boot) => boot.toSorted((a, b) => a.atMs - b.atMs));
}

const LOADED = /^(?:tftp\.sent|http\.file-sent|http\.rendered)$/;

/** True for an offer to firmware after something was loaded, or after a long silence. iPXE goes on with the boot that loaded it. */
function startsBoot(event: MachineEvent, current: Boot): boolean {
  if (event.kind !== 'dhcp.offer' || !/; (?:to load|nothing to load)/.test(event.description)) return false;
  const last = current.at(-1);
  if (last !== undefined && event.atMs - last.atMs > QUIET_MS) return true;
  const hasKernel = current.some(
    ({ kind, description }) => kind === 'http.file-sent' && /\/linux by/.test(description),
  );
  const hasLoaded = current.some(({ kind }) => LOADED.test(kind ?? ''));
  return /because it is iPXE$/.test(event.description) ? hasKernel : hasLoaded;
}

function renderBoot(boot: Boot, nowMs: number): string {
  const [first] = boot;
  if (first === undefined) return '';
  const items = boot.map((event) =>
    [
      `<li><time datetime="${new Date(event.atMs).toISOString()}">+${formatOffset(event.atMs - first.atMs)}</time>`,
      `<span class="kind soft">${escapeHtml(EVENT_TYPES[event.type].title)}</span>`,
      `<span class="what ${event.level}">${escapeHtml(asSentence(event.description))}${byWhom(event)}</span></li>`,
    ].join(''),
  );
  const isBoot = boot.some(({ kind }) => kind === 'dhcp.offer' || LOADED.test(kind ?? ''));
  const at = `${new Date(first.atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  return (
    `<div class="boot"><span>${isBoot ? 'Boot' : 'Log'}, ${formatAge(nowMs - first.atMs)}</span><span class="soft">${at}</span></div>` +
    `<div class="sheet"><ol class="steps">${items.join('')}</ol></div>`
  );
}

const byWhom = ({ username }: MachineEvent): string =>
  username === '' ? '' : ` <span class="soft">(${escapeHtml(username)})</span>`;

/** Seconds since the boot began; minutes and more where that is long. */
function formatOffset(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
