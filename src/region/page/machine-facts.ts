// The facts on a machine's page: owner, network and system; hardware; identity.

import { formatIpv4, formatMac } from '../../net/address.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import { kernelParamsOf } from '../records/tags.ts';
import { whereabouts } from '../whereabouts.ts';
import { type Html, html, nothing } from './html.ts';
import { systemLogin } from './logins-part.ts';
import { formatAge, formatDisk, formatMemory, SPACE } from './values.ts';
import type { View } from './view.ts';

/** Rows in each table: disks, interfaces, memory banks. */
const LISTED_MAX = 64;

/** A label and its content; omitted if the content is empty. */
type Fact = readonly [label: string, content: string | Html];

const pairs = (facts: readonly Fact[]): Html =>
  html`<dl class="pairs">${facts
    .filter(([, content]) => content !== '' && content !== nothing)
    .map(([label, content]) => html`<dt>${label}</dt><dd>${content}</dd>`)}</dl>`;

const NEXT_BOOTS: Readonly<Record<ReturnType<typeof bootPurpose>, string>> = {
  enlist: 'enlists again and powers off',
  commissioning: 'runs the ephemeral environment',
  install: 'installs its system',
  local: 'boots its own disk',
  poweroff: 'powers off (nothing to do)',
};

/** Its owner, name, addresses, system, next boot, tags and note. */
export function renderSystem(view: View, machine: Machine): Html {
  const { nowMs, region } = view;
  const held = whereabouts(region.racks).addressesOf(machine);
  const addresses = held.map(formatIpv4);
  const seen = machine.interfaces.flatMap(({ address }) => (address === undefined ? [] : [formatIpv4(address)]));
  const lost = [...new Set(seen)].filter((address) => !addresses.includes(address));
  const tags = machine.tags.map(({ name }) => html`<span class="tag">${name}</span>`);
  const params = kernelParamsOf(machine);
  const facts = pairs([
    ['Owner', machine.owner ?? ''],
    ['Name', machineFqdn(machine)],
    ['Address', addresses.join(', ')],
    ['Last seen with', lost.join(', ')],
    ['System', [machine.osystem, machine.release].filter((text) => text !== '').join(' ')],
    ['Log in', systemLogin(view, machine, held[0])],
    ['Next network boot', NEXT_BOOTS[bootPurpose(machine)]],
    ['State changed', formatAge(nowMs - machine.statusSinceMs)],
    ['Tags', html`${tags}`],
    ['Kernel parameters', params === undefined ? nothing : html`<code>${params}</code>`],
    ['Note', machine.description],
  ]);
  return html`<section class="sheet"><div class="card-head"><h2>Machine</h2></div>${facts}</section>`;
}

function table(headings: readonly string[], rows: readonly (readonly (string | Html)[])[]): Html {
  const head = headings.map((text) => html`<th>${text}</th>`);
  const body = rows.map(
    (cells) =>
      html`<tr>${cells.map((content, index) => html`<td data-label="${headings[index] ?? ''}"><div>${content}</div></td>`)}</tr>`,
  );
  return html`<table class="plain"><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

/** Disks on a hypervisor's own bus are called virtual: the kernel reports them all as rotating. */
function kindOfDisk(name: string, rotational: boolean | undefined): string {
  if (/^(?:vd|xvd)[a-z]/.test(name)) return 'virtual';
  if (rotational === undefined) return '';
  return rotational ? 'rotating' : 'solid state';
}

function disksOf({ facts }: Machine): Html {
  const disks = (facts?.disks ?? []).slice(0, LISTED_MAX);
  if (disks.length === 0) return nothing;
  const rows = disks.map(({ name, bytes, model, serial, rotational }) => [
    html`<b>${name}</b>`,
    formatDisk(bytes),
    model,
    serial === '' ? nothing : html`<span class="mono">${serial}</span>`,
    kindOfDisk(name, rotational),
  ]);
  return table(['Disk', 'Size', 'Model', 'Serial number', 'Kind'], rows);
}

function nicsOf({ facts, interfaces }: Machine): Html {
  const rows = interfaces.slice(0, LISTED_MAX).map(({ name, mac, address }, index) => {
    const text = formatMac(mac);
    const reported = facts?.nics.find((nic) => nic.mac.toLowerCase().replaceAll('-', ':') === text);
    const speed = reported === undefined || reported.speed === 0 ? '' : ` · ${reported.speed} Mbit/s`;
    const link = reported?.carrier === undefined ? '' : `${reported.carrier ? 'link' : 'no link'}${speed}`;
    return [
      html`<b>${name === '' ? `interface ${index + 1}` : name}</b>${index === 0 ? html` <span class="soft">boots from the network</span>` : nothing}`,
      html`<span class="mono">${text}</span>`,
      address === undefined ? '' : formatIpv4(address),
      link,
      reported?.driver ?? '',
    ];
  });
  return rows.length === 0
    ? nothing
    : table(['Interface', 'Hardware address', 'Last seen with', 'Link', 'Driver'], rows);
}

function banksOf({ facts }: Machine): Html {
  const banks = (facts?.memory_banks ?? []).slice(0, LISTED_MAX);
  const rows = banks.map(({ locator, size_mib, type, speed, manufacturer, part }) => [
    html`<b>${locator}</b>`,
    formatMemory(size_mib),
    [type, speed === 0 ? '' : `${speed}${SPACE}MT/s`].filter((text) => text !== '').join(' · '),
    [manufacturer, part].filter((text) => text !== '').join(' '),
  ]);
  return rows.length === 0 ? nothing : table(['Memory', 'Size', 'Kind', 'Model'], rows);
}

/** Processors, memory, disks, interfaces. */
export function renderHardware(machine: Machine, nowMs: number): Html {
  const { facts, factsMs } = machine;
  const cpu = facts === undefined || facts.cpu.count === 0 ? '' : `${facts.cpu.count}${SPACE}× ${facts.cpu.model}`;
  const dmi = facts?.dmi;
  const maker = [dmi?.vendor ?? '', dmi?.product ?? ''].filter((text) => text !== '').join(' ');
  const firmware = [dmi?.bios_vendor ?? '', dmi?.bios_version ?? '', dmi?.bios_date ?? '']
    .filter((text) => text !== '')
    .join(' ');
  const secure = facts?.secure_boot === true ? ', Secure Boot' : '';
  const way = facts?.uefi === undefined ? '' : facts.uefi ? `UEFI${secure}` : 'BIOS';
  const age = factsMs === undefined ? nothing : html`<span class="small">reported ${formatAge(nowMs - factsMs)}</span>`;
  const kinds = pairs([
    ['Architecture', `${machine.architecture}/${machine.subarchitecture}`],
    ['Processors', cpu],
    ['Memory', formatMemory(facts?.memory_mib ?? 0)],
    ['Model', maker],
    ['Firmware', [way, firmware].filter((text) => text !== '').join(' · ')],
    ['Virtualisation', facts?.virtualization ?? ''],
  ]);
  return html`
    <div class="bar"><h2>Hardware</h2>${age}</div>
    <div class="cards flush"><section class="sheet">${kinds}</section>${renderIdentity(machine, nowMs)}</div>
    ${wrap(banksOf(machine))}${wrap(disksOf(machine))}${wrap(nicsOf(machine))}`;
}

const wrap = (content: Html): Html =>
  content === nothing ? nothing : html`<div class="sheet stacked">${content}</div>`;

/** The values that identify the machine. */
function renderIdentity(machine: Machine, nowMs: number): Html {
  const facts = pairs([
    ['System id', html`<span class="mono">${machine.systemId}</span>`],
    ['Serial number', machine.serial ?? ''],
    ['UUID', machine.uuid === undefined ? nothing : html`<span class="mono">${machine.uuid}</span>`],
    ['Board', boardOf(machine)],
    ['Enlisted', formatAge(nowMs - machine.createdMs)],
  ]);
  return html`<section class="sheet">${facts}</section>`;
}

const boardOf = ({ facts }: Machine): string =>
  [facts?.dmi.board_vendor ?? '', facts?.dmi.board_name ?? '', facts?.dmi.board_serial ?? '']
    .filter((text) => text !== '')
    .join(' ');
