// What a machine is: its network and its system, its hardware, by what it is told apart from others.
//
// 1. Every text that was not written in this file goes through `escapeHtml`, also inside attributes.

import { formatIpv4, formatMac } from '../../net/address.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import { kernelParamsOf } from '../records/tags.ts';
import { whereabouts } from '../whereabouts.ts';
import { escapeHtml } from './html.ts';
import { systemLogin } from './logins-part.ts';
import { formatAge, formatDisk, formatMemory, SPACE } from './values.ts';
import type { View } from './view.ts';

/** Disks and interfaces that are listed one by one. */
const LISTED_MAX = 64;

/** A pair whose text is HTML already. */
type Fact = readonly [label: string, html: string];

const pairs = (facts: readonly Fact[]): string =>
  `<dl class="pairs">${facts
    .filter(([, html]) => html !== '')
    .map(([label, html]) => `<dt>${escapeHtml(label)}</dt><dd>${html}</dd>`)
    .join('')}</dl>`;

const NEXT_BOOTS: Readonly<Record<ReturnType<typeof bootPurpose>, string>> = {
  enlist: 'reports itself again and switches off',
  commissioning: 'runs the ephemeral environment',
  install: 'installs its system',
  local: 'starts its own disk',
  poweroff: 'is switched off: there is nothing to do',
};

/** Who holds it, under which name and address, with which system. */
export function renderSystem(view: View, machine: Machine): string {
  const { nowMs, region } = view;
  const held = whereabouts(region.racks).addressesOf(machine);
  const addresses = held.map(formatIpv4);
  const seen = machine.interfaces.flatMap(({ address }) => (address === undefined ? [] : [formatIpv4(address)]));
  const lost = [...new Set(seen)].filter((address) => !addresses.includes(address));
  const tags = machine.tags.map(({ name }) => `<span class="tag">${escapeHtml(name)}</span>`).join('');
  const params = kernelParamsOf(machine);
  return (
    '<section class="sheet"><div class="card-head"><h2>Machine</h2></div>' +
    pairs([
      ['Owner', escapeHtml(machine.owner ?? '')],
      ['Name', escapeHtml(machineFqdn(machine))],
      ['Address', escapeHtml(addresses.join(', '))],
      ['Last seen with', escapeHtml(lost.join(', '))],
      ['System', escapeHtml([machine.osystem, machine.release].filter((text) => text !== '').join(' '))],
      ['Log in', systemLogin(view, machine, held[0])],
      ['Next network boot', escapeHtml(NEXT_BOOTS[bootPurpose(machine)])],
      ['State changed', escapeHtml(formatAge(nowMs - machine.statusSinceMs))],
      ['Tags', tags],
      ['Kernel parameters', params === undefined ? '' : `<code>${escapeHtml(params)}</code>`],
      ['Note', escapeHtml(machine.description)],
    ]) +
    '</section>'
  );
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = headings.map((text) => `<th>${text}</th>`).join('');
  const body = rows.map(
    (cells) =>
      `<tr>${cells.map((html, index) => `<td data-label="${headings[index] ?? ''}"><div>${html}</div></td>`).join('')}</tr>`,
  );
  return `<table class="plain"><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>`;
}

/** Kernels call every disk of a hypervisor's own bus rotating: nobody knows what is behind it. */
function kindOfDisk(name: string, rotational: boolean | undefined): string {
  if (/^(?:vd|xvd)[a-z]/.test(name)) return 'virtual';
  if (rotational === undefined) return '';
  return rotational ? 'rotating' : 'solid state';
}

function disksOf({ facts }: Machine): string {
  const disks = (facts?.disks ?? []).slice(0, LISTED_MAX);
  if (disks.length === 0) return '';
  const rows = disks.map(({ name, bytes, model, serial, rotational }) => [
    `<b>${escapeHtml(name)}</b>`,
    formatDisk(bytes),
    escapeHtml(model),
    serial === '' ? '' : `<span class="mono">${escapeHtml(serial)}</span>`,
    kindOfDisk(name, rotational),
  ]);
  return table(['Disk', 'Size', 'Model', 'Serial number', 'Kind'], rows);
}

function nicsOf({ facts, interfaces }: Machine): string {
  const rows = interfaces.slice(0, LISTED_MAX).map(({ name, mac, address }, index) => {
    const text = formatMac(mac);
    const reported = facts?.nics.find((nic) => nic.mac.toLowerCase().replaceAll('-', ':') === text);
    const speed = reported === undefined || reported.speed === 0 ? '' : ` · ${reported.speed} Mbit/s`;
    const link = reported?.carrier === undefined ? '' : `${reported.carrier ? 'link' : 'no link'}${speed}`;
    return [
      `<b>${escapeHtml(name === '' ? `interface ${index + 1}` : name)}</b>${index === 0 ? ' <span class="soft">boots from the network</span>' : ''}`,
      `<span class="mono">${text}</span>`,
      address === undefined ? '' : formatIpv4(address),
      escapeHtml(link),
      escapeHtml(reported?.driver ?? ''),
    ];
  });
  return rows.length === 0 ? '' : table(['Interface', 'Hardware address', 'Last seen with', 'Link', 'Driver'], rows);
}

function banksOf({ facts }: Machine): string {
  const banks = (facts?.memory_banks ?? []).slice(0, LISTED_MAX);
  const rows = banks.map(({ locator, size_mib, type, speed, manufacturer, part }) => [
    `<b>${escapeHtml(locator)}</b>`,
    escapeHtml(formatMemory(size_mib)),
    escapeHtml([type, speed === 0 ? '' : `${speed}${SPACE}MT/s`].filter((text) => text !== '').join(' · ')),
    escapeHtml([manufacturer, part].filter((text) => text !== '').join(' ')),
  ]);
  return rows.length === 0 ? '' : table(['Memory', 'Size', 'Kind', 'Model'], rows);
}

/** Processors, memory, disks, interfaces. */
export function renderHardware(machine: Machine, nowMs: number): string {
  const { facts, factsMs } = machine;
  const cpu = facts === undefined || facts.cpu.count === 0 ? '' : `${facts.cpu.count}${SPACE}× ${facts.cpu.model}`;
  const dmi = facts?.dmi;
  const maker = [dmi?.vendor ?? '', dmi?.product ?? ''].filter((text) => text !== '').join(' ');
  const firmware = [dmi?.bios_vendor ?? '', dmi?.bios_version ?? '', dmi?.bios_date ?? '']
    .filter((text) => text !== '')
    .join(' ');
  const secure = facts?.secure_boot === true ? ', Secure Boot' : '';
  const way = facts?.uefi === undefined ? '' : facts.uefi ? `UEFI${secure}` : 'BIOS';
  const age = factsMs === undefined ? '' : `<span class="small">reported ${formatAge(nowMs - factsMs)}</span>`;
  return (
    `<div class="bar"><h2>Hardware</h2>${age}</div><div class="cards flush"><section class="sheet">` +
    pairs([
      ['Architecture', escapeHtml(`${machine.architecture}/${machine.subarchitecture}`)],
      ['Processors', escapeHtml(cpu)],
      ['Memory', escapeHtml(formatMemory(facts?.memory_mib ?? 0))],
      ['Model', escapeHtml(maker)],
      ['Firmware', escapeHtml([way, firmware].filter((text) => text !== '').join(' · '))],
      ['Virtualisation', escapeHtml(facts?.virtualization ?? '')],
    ]) +
    `</section>${renderIdentity(machine, nowMs)}</div>${wrap(banksOf(machine))}${wrap(disksOf(machine))}${wrap(nicsOf(machine))}`
  );
}

const wrap = (html: string): string => (html === '' ? '' : `<div class="sheet stacked">${html}</div>`);

/** By what it is told apart from others. */
function renderIdentity(machine: Machine, nowMs: number): string {
  return (
    '<section class="sheet">' +
    pairs([
      ['System id', `<span class="mono">${escapeHtml(machine.systemId)}</span>`],
      ['Serial number', escapeHtml(machine.serial ?? '')],
      ['UUID', machine.uuid === undefined ? '' : `<span class="mono">${escapeHtml(machine.uuid)}</span>`],
      ['Board', escapeHtml(boardOf(machine))],
      ['Enlisted', escapeHtml(formatAge(nowMs - machine.createdMs))],
    ]) +
    '</section>'
  );
}

const boardOf = ({ facts }: Machine): string =>
  [facts?.dmi.board_vendor ?? '', facts?.dmi.board_name ?? '', facts?.dmi.board_serial ?? '']
    .filter((text) => text !== '')
    .join(' ');
