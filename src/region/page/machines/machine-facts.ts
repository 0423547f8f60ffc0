// The facts on a machine's page: owner, network and system; hardware; identity.

import { formatIpv4, formatMac } from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { bootPurpose } from '../../records/boot-purpose.ts';
import { type Machine, machineFqdn, systemName } from '../../records/machine.ts';
import { combineKernelParams } from '../../records/tags.ts';
import { copyable, formatMemory, SPACE, timeAgo } from '../frame/values.ts';
import type { View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { systemLogin } from './logins-part.ts';

const LISTED_MAX = 64;

/** A label and its content; omitted if the content is empty. */
type Fact = readonly [label: string, content: string | Html];

const pairs = (facts: readonly Fact[]) =>
  html`<dl class="pairs">${facts
    .filter(([, content]) => content !== '' && content !== nothing)
    .map(([label, content]) => html`<dt>${label}</dt><dd>${content}</dd>`)}</dl>`;

export function renderSystem(view: View, machine: Machine): Html {
  const { nowMs, region } = view;
  const held = readPlacement(region).addressesOf(machine);
  const addresses = held.map(formatIpv4);
  const seen = machine.interfaces.flatMap(({ address }) => (address === undefined ? [] : [formatIpv4(address)]));
  const lost = [...new Set(seen)].filter((address) => !addresses.includes(address));
  const tags = machine.tags.map(({ name }) => html`<span class="tag">${name}</span>`);
  const params = combineKernelParams(machine);
  const facts = pairs([
    [words.facts.owner, machine.owner ?? ''],
    [words.facts.name, machineFqdn(machine)],
    [words.facts.address, html`${addresses.map((address) => html`<div>${copyable(address)}</div>`)}`],
    [words.facts.lastSeenWith, lost.join(', ')],
    [words.facts.system, [systemName(machine), machine.kernel ?? ''].filter((text) => text !== '').join(' ')],
    [words.facts.logIn, systemLogin(machine, held[0])],
    [words.facts.nextBoot, words.facts.nextBoots[bootPurpose(machine)]],
    [words.facts.stateChanged, timeAgo(machine.statusSinceMs, nowMs)],
    [words.facts.zone, machine.zone?.name ?? ''],
    [words.facts.pool, machine.pool?.name ?? ''],
    [words.facts.tags, html`${tags}`],
    [words.facts.kernelParams, params === undefined ? nothing : html`<code>${params}</code>`],
    [words.facts.note, machine.description === '' ? nothing : html`<span class="lines">${machine.description}</span>`],
  ]);
  return html`<section class="sheet"><div class="card-head"><h2>${words.facts.machine}</h2></div>${facts}</section>`;
}

function table(headings: readonly string[], rows: readonly (readonly (string | Html)[])[]) {
  const head = headings.map((text) => html`<th>${text}</th>`);
  const body = rows.map(
    (cells) =>
      html`<tr>${cells.map((content, index) => html`<td data-label="${headings[index] ?? ''}"><div>${content}</div></td>`)}</tr>`,
  );
  return html`<table class="plain"><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

function kindOfDisk(name: string, rotational: boolean | undefined) {
  if (/^(?:vd|xvd)[a-z]/.test(name)) return words.facts.diskKinds.virtual;
  if (rotational === undefined) return '';
  return rotational ? words.facts.diskKinds.rotating : words.facts.diskKinds.solid;
}

function renderDisks({ facts }: Machine) {
  const disks = (facts?.disks ?? []).slice(0, LISTED_MAX);
  if (disks.length === 0) return nothing;
  const rows = disks.map(({ name, bytes, model, serial, rotational }) => [
    html`<b>${name}</b>`,
    formatSize(bytes),
    model,
    serial === '' ? nothing : copyable(serial),
    kindOfDisk(name, rotational),
  ]);
  return table(words.facts.disks, rows);
}

function renderNicTable({ facts, interfaces }: Machine) {
  const rows = interfaces.slice(0, LISTED_MAX).map(({ name, mac, address }, index) => {
    const text = formatMac(mac);
    const reported = facts?.nics.find((nic) => nic.mac.toLowerCase().replaceAll('-', ':') === text);
    const speed = reported === undefined || reported.speed === 0 ? '' : ` · ${reported.speed} Mbit/s`;
    const carrier =
      reported?.carrier === undefined
        ? ''
        : `${reported.carrier ? words.facts.carrier : words.facts.noCarrier}${speed}`;
    return [
      html`<b>${name === '' ? words.facts.unnamedInterface(index + 1) : name}</b>${index === 0 ? html` <span class="soft">${words.facts.bootInterface}</span>` : nothing}`,
      copyable(text),
      address === undefined ? '' : copyable(formatIpv4(address)),
      carrier,
      reported?.driver ?? '',
    ];
  });
  return rows.length === 0 ? nothing : table(words.facts.interfaces, rows);
}

function renderMemoryBanks({ facts }: Machine) {
  const banks = (facts?.memory_banks ?? []).slice(0, LISTED_MAX);
  const rows = banks.map(({ locator, size_mib, type, speed, manufacturer, part }) => [
    html`<b>${locator}</b>`,
    formatMemory(size_mib),
    [type, speed === 0 ? '' : `${speed}${SPACE}MT/s`].filter((text) => text !== '').join(' · '),
    [manufacturer, part].filter((text) => text !== '').join(' '),
  ]);
  return rows.length === 0 ? nothing : table(words.facts.banks, rows);
}

export function renderHardware(machine: Machine, nowMs: number): Html {
  const { facts, factsMs } = machine;
  const cpu = facts === undefined || facts.cpu.count === 0 ? '' : `${facts.cpu.count}${SPACE}× ${facts.cpu.model}`;
  const dmi = facts?.dmi;
  const maker = [dmi?.vendor ?? '', dmi?.product ?? ''].filter((text) => text !== '').join(' ');
  const firmware = [dmi?.bios_vendor ?? '', dmi?.bios_version ?? '', dmi?.bios_date ?? '']
    .filter((text) => text !== '')
    .join(' ');
  const way =
    facts?.uefi === undefined ? '' : facts.uefi ? words.facts.uefi(facts.secure_boot === true) : words.facts.bios;
  const age =
    factsMs === undefined ? nothing : html`<span class="small">${timeAgo(factsMs, nowMs, words.facts.reported)}</span>`;
  const kinds = pairs([
    [words.facts.architecture, `${machine.architecture}/${machine.subarchitecture}`],
    [words.facts.processors, cpu],
    [words.facts.memory, formatMemory(facts?.memory_mib ?? 0)],
    [words.facts.model, maker],
    [words.facts.firmware, [way, firmware].filter((text) => text !== '').join(' · ')],
    [words.facts.virtualisation, facts?.virtualization ?? ''],
  ]);
  return html`
    <div class="bar"><h2>${words.facts.hardware}</h2>${age}</div>
    <div class="cards flush"><section class="sheet">${kinds}</section>${renderIdentity(machine, nowMs)}</div>
    ${wrap(renderMemoryBanks(machine))}${wrap(renderDisks(machine))}`;
}

/** The interfaces of a machine as it reported them. */
export const renderNics = (machine: Machine): Html => wrap(renderNicTable(machine));

const wrap = (content: Html) => (content === nothing ? nothing : html`<div class="sheet stacked">${content}</div>`);

function renderIdentity(machine: Machine, nowMs: number) {
  const facts = pairs([
    [words.facts.systemId, copyable(machine.systemId)],
    [words.facts.serial, machine.serial === undefined ? nothing : copyable(machine.serial)],
    [words.facts.uuid, machine.uuid === undefined ? nothing : copyable(machine.uuid)],
    [words.facts.board, formatMainboard(machine)],
    [words.facts.enlisted, timeAgo(machine.createdMs, nowMs)],
  ]);
  return html`<section class="sheet">${facts}</section>`;
}

const formatMainboard = ({ facts }: Machine) =>
  [facts?.dmi.board_vendor ?? '', facts?.dmi.board_name ?? '', facts?.dmi.board_serial ?? '']
    .filter((text) => text !== '')
    .join(' ');
