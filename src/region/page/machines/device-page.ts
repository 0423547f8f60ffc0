// The page of a device: what it has, its interfaces with the forms that address it, and the forms
// that change and delete it.

import { formatIpv4 } from '../../../ground/address.ts';
import { type Html, html } from '../../../ground/html.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { type Machine, machineFqdn } from '../../records/machine.ts';
import { type ApiObject, getPropertyText, onePage } from '../frame/object-pages.ts';
import { PLACE_FIELDS, placeChoices } from '../frame/place-choices.ts';
import { copyable, orNone } from '../frame/values.ts';
import type { PageDefinition, View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { interfacesTable } from './layout-sections.ts';
import { DEVICES_PATH, machinePath } from './machine-actions.ts';
import { DEVICES_LIST } from './machine-query.ts';

const mayChange = ({ viewer }: View, device: ApiObject): boolean =>
  viewer.isAdmin || getPropertyText(device, 'owner') === viewer.username;

async function renderDeviceContent(view: View, device: ApiObject): Promise<Html> {
  const machine = await view.region.store.findMachine(getPropertyText(device, 'system_id'));
  return machine === undefined
    ? html``
    : html`${renderDeviceFacts(view, machine)}${await interfacesTable(view, machine, mayChange(view, device))}`;
}

function renderDeviceFacts({ region }: View, device: Machine) {
  const { columns } = words.machines.devices;
  const { owner = '', device: parent = '', description } = device;
  const addresses = readPlacement(region).addressesOf(device).map(formatIpv4).join(', ');
  const rows = [
    [words.facts.systemId, copyable(device.systemId)],
    [words.facts.name, copyable(machineFqdn(device))],
    [columns.addresses, orNone(addresses)],
    [columns.owner, orNone(owner)],
    [columns.parent, parent === '' ? orNone('') : html`<a href="${machinePath(parent)}">${parent}</a>`],
    [columns.note, orNone(description)],
  ] as const;
  return html`<div class="sheet"><dl class="pairs">${rows.map(([label, content]) => html`<dt>${label}</dt><dd>${content}</dd>`)}</dl></div>`;
}

export const DEVICE_PAGE: PageDefinition = onePage({
  path: DEVICES_PATH,
  place: 'machines',
  many: 'devices',
  one: 'devices/{system_id}',
  words: () => words.adding.device,
  nameOf: (device) => getPropertyText(device, 'hostname'),
  keyOf: (device) => getPropertyText(device, 'system_id'),
  content: renderDeviceContent,
  mayChange,
  home: () => DEVICES_LIST,
  change: async (view, device) => {
    const domain = getPropertyText(Object(device.domain), 'name');
    return {
      only: ['hostname', ...PLACE_FIELDS, 'parent', 'description'],
      hints: { hostname: '' },
      choices: await placeChoices(view, domain),
      required: ['hostname', ...PLACE_FIELDS],
      values: {
        ...device,
        domain,
        zone: getPropertyText(Object(device.zone), 'name'),
        pool: getPropertyText(Object(device.pool), 'name'),
      },
    };
  },
  deletion: () => ({ text: words.adding.device.loss }),
});
