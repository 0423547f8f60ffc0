// A machine's hardware as a tree in the form of `lshw -xml`, made from the facts that the machine reported.
//
// Sources: the elements and attributes of lshw's XML (`lshw -xml`), as MAAS's clients read them and
// MAAS's tag definitions match them.
//
// 1. Names of elements and attributes come from the code, values from the machine.

import type { HardwareFacts } from './hardware-facts.ts';
import type { Machine } from './machine.ts';

export interface HardwareElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Empty if it has children. */
  readonly text: string;
  readonly children: readonly HardwareElement[];
}

type Attributes = HardwareElement['attributes'];

const parent = (name: string, attributes: Attributes, children: readonly HardwareElement[]): HardwareElement => ({
  name,
  attributes,
  text: '',
  children,
});

/** The element, unless the value is empty. */
function leaf(
  name: string,
  value: string | number | undefined,
  attributes: Attributes = {},
): readonly HardwareElement[] {
  return value === undefined || value === '' ? [] : [{ name, attributes, text: String(value), children: [] }];
}

const sizeElement = (name: string, value: number): readonly HardwareElement[] =>
  value > 0 ? leaf(name, value, { units: 'bytes' }) : [];

function settings(values: Readonly<Record<string, string | number | undefined>>): readonly HardwareElement[] {
  const list = Object.entries(values).flatMap(([id, value]) =>
    value === undefined || value === '' ? [] : [parent('setting', { id, value: String(value) }, [])],
  );
  return list.length === 0 ? [] : [parent('configuration', {}, list)];
}

const node = (id: string, of: string, children: readonly HardwareElement[]): HardwareElement =>
  parent('node', { id, claimed: 'true', class: of, handle: '' }, children);

/** `disk` for the only one, else `disk:0`. */
const numbered = (id: string, index: number, count: number): string => (count === 1 ? id : `${id}:${index}`);

/** Without reported hardware, the tree has only the machine's name. */
export function hardwareTree({ hostname, facts }: Pick<Machine, 'hostname' | 'facts'>): HardwareElement {
  if (facts === undefined) return parent('list', {}, [node(hostname, 'system', [])]);
  const { dmi } = facts;
  const board = [
    ...leaf('description', 'Motherboard'),
    ...leaf('product', dmi.board_name),
    ...leaf('vendor', dmi.board_vendor),
    ...leaf('version', dmi.board_version),
    ...leaf('serial', dmi.board_serial),
  ];
  const firmware = [
    ...leaf('description', facts.uefi === true ? 'UEFI' : 'BIOS'),
    ...leaf('vendor', dmi.bios_vendor),
    ...leaf('version', dmi.bios_version),
    ...leaf('date', dmi.bios_date),
  ];
  const system = [
    ...leaf('description', dmi.chassis_type === '' ? 'Computer' : dmi.chassis_type),
    ...leaf('product', [dmi.product, dmi.sku === '' ? '' : `(${dmi.sku})`].filter((part) => part !== '').join(' ')),
    ...leaf('vendor', dmi.vendor),
    ...leaf('version', dmi.version),
    ...leaf('serial', dmi.serial),
    ...settings({ family: dmi.family, sku: dmi.sku, uuid: dmi.uuid, virtualization: facts.virtualization }),
  ];
  const parts = [...processors(facts), memory(facts), ...disks(facts), ...interfaces(facts)];
  const core = node('core', 'bus', [...board, node('firmware', 'memory', firmware), ...parts]);
  return parent('list', {}, [node(hostname, 'system', [...system, core])]);
}

function memory({ memory_mib: mebibytes, memory_banks: banks = [] }: HardwareFacts): HardwareElement {
  return node('memory', 'memory', [
    ...leaf('description', 'System Memory'),
    ...sizeElement('size', mebibytes * 1024 * 1024),
    ...banks.map((bank, index) =>
      node(`bank:${index}`, 'memory', [
        ...leaf('product', bank.part),
        ...leaf('vendor', bank.manufacturer),
        ...leaf('serial', bank.serial),
        ...leaf('slot', bank.locator),
        ...sizeElement('size', bank.size_mib * 1024 * 1024),
      ]),
    ),
  ]);
}

function processors({ cpu, processors: sockets = [] }: HardwareFacts): readonly HardwareElement[] {
  if (sockets.length === 0) {
    return [node('cpu', 'processor', [...leaf('product', cpu.model), ...settings({ threads: cpu.count })])];
  }
  return sockets.map((socket, index) =>
    node(numbered('cpu', index, sockets.length), 'processor', [
      ...leaf('product', socket.version === '' ? cpu.model : socket.version),
      ...leaf('vendor', socket.manufacturer),
      ...leaf('slot', socket.socket),
      ...(socket.speed > 0 ? leaf('size', socket.speed * 1_000_000, { units: 'Hz' }) : []),
      ...settings({ cores: socket.cores, threads: socket.threads }),
    ]),
  );
}

function disks({ disks: list }: HardwareFacts): readonly HardwareElement[] {
  return list.map((disk, index) =>
    node(numbered('disk', index, list.length), 'disk', [
      ...leaf('product', disk.model),
      ...leaf('logicalname', `/dev/${disk.name}`),
      ...leaf('version', disk.firmware),
      ...leaf('serial', disk.serial),
      ...sizeElement('size', disk.bytes),
      ...settings({ bus: disk.bus, logicalsectorsize: disk.block_size, rotational: disk.rotational === true ? 1 : 0 }),
    ]),
  );
}

function interfaces({ nics }: HardwareFacts): readonly HardwareElement[] {
  return nics.map((nic, index) =>
    node(numbered('network', index, nics.length), 'network', [
      ...leaf('product', nic.ids),
      ...leaf('logicalname', nic.name),
      ...leaf('serial', nic.mac.toLowerCase().replaceAll('-', ':')),
      ...(nic.speed > 0 ? leaf('size', nic.speed * 1_000_000, { units: 'bit/s' }) : []),
      ...settings({ driver: nic.driver, link: nic.carrier === true ? 'yes' : 'no' }),
    ]),
  );
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string =>
  text
    .replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '')
    .replace(/[^\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, ' ');

function renderElement({ name, attributes, text, children }: HardwareElement, indent: string): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const open = `${indent}<${name}${list.join('')}`;
  if (children.length > 0) {
    return `${open}>\n${children.map((child) => renderElement(child, `${indent} `)).join('')}${indent}</${name}>\n`;
  }
  return text === '' ? `${open} />\n` : `${open}>${escaped(text)}</${name}>\n`;
}

export const hardwareXml = (tree: HardwareElement): string =>
  `<?xml version="1.0" standalone="yes" ?>\n${renderElement(tree, '')}`;
