// One VLAN: its subnets, the racks that offer DHCP there, and forms that switch that, change the
// VLAN and delete it; and the form of a new one.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { dhcpRacks, type VlanView, vlanWithId } from '../../networks/network-view.ts';
import { type Choice, choiceField, hiddenField, renderForm } from '../frame/forms.ts';
import { collectFormValues, type FormOptions, renderControls } from '../frame/operation-form.ts';
import { pair, renderFullPage } from '../frame/parts.ts';
import { none, orNone } from '../frame/values.ts';
import {
  fieldValue,
  mayCall,
  type Outcome,
  ofForm,
  operate,
  type PageDefinition,
  queryValue,
  submit,
  type View,
} from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { dhcpLink, NETWORKS_PATH, renderDhcp, subnetPath, vlanName, vlanPath } from './networks-page.ts';

const CHANGE = 'PUT vlans/{id}';
const REMOVE = 'DELETE vlans/{id}';
const ADD = 'POST fabrics/{fabric_id}/vlans';
const PATH = `${NETWORKS_PATH}vlans/`;

async function findVlan({ region, path }: View): Promise<VlanView | undefined> {
  const id = /^\d{1,15}$/.test(path.vlan ?? '') ? Number(path.vlan) : undefined;
  return vlanWithId(await region.networks.look(), id);
}

async function listVlanFields({ region }: View): Promise<FormOptions> {
  const { records } = await region.networks.look();
  const spaces = records.spaces.map(({ name }): Choice => [name, name]);
  return { only: ['vid', 'name', 'description', 'mtu', 'space'], choices: { space: spaces } };
}

/** Accepted racks, which can offer DHCP. */
const rackChoices = ({ region }: View): readonly Choice[] =>
  region.racks.accepted().map(({ uuid, name }) => [uuid, name]);

function servicePart(view: View, vlan: VlanView, hasSubnets: boolean): Html {
  const { vlans } = words.networkObjects;
  const racks = dhcpRacks(vlan);
  const isOn = racks.length > 0;
  const lead = isOn
    ? html`${racks.map(({ rackName }) => rackName).join(', ')}`
    : html`${hasSubnets ? vlans.isOff : vlans.noSubnet}`;
  const switched = ofForm(view, fieldValue(view, 'do') === 'on');
  const form = !mayCall(view.viewer, CHANGE)
    ? nothing
    : isOn
      ? renderForm(view, { body: hiddenField('do', 'off'), submit: vlans.switchOff, tone: 'plain' })
      : !hasSubnets
        ? nothing
        : renderForm(view, {
            body: [
              hiddenField('do', 'on'),
              ...renderControls(switched, CHANGE, {
                only: ['primary_rack', 'secondary_rack'],
                choices: { primary_rack: rackChoices(view), secondary_rack: rackChoices(view) },
              }),
            ],
            submit: vlans.switchOn,
          });
  return html`<div class="sheet"><div class="card-head"><h2>${vlans.racks}</h2></div><p class="lead">${lead}</p>${form}</div>`;
}

async function renderVlan(view: View): Promise<Html | undefined> {
  const vlanView = await findVlan(view);
  if (vlanView === undefined) return undefined;
  const { vlan, fabric, space } = vlanView;
  const networks = await view.region.networks.look();
  const own = networks.subnets.filter(({ subnet }) => subnet.vlanId === vlan.id);
  const { vlans } = words.networkObjects;
  const title = vlans.titleOf(vlanName(vlanView), fabric.name);
  const isAdmin = mayCall(view.viewer, CHANGE);
  const subnets = own.map(
    (subnet) =>
      html`<div class="list-item"><div><a class="name" href="${subnetPath(subnet.subnet.id)}">${subnet.subnet.cidr}</a><div class="small">${subnet.subnet.name}</div></div><div>${renderDhcp(subnet)}</div>${isAdmin ? dhcpLink(subnet) : nothing}</div>`,
  );
  const edited = ofForm(view, fieldValue(view, 'do') === 'edit');
  const values = { ...vlan, mtu: vlanView.mtu, space: space?.name ?? '' };
  const forms = isAdmin
    ? html`<h2>${vlans.edit}</h2><div class="sheet narrow">${renderForm(view, {
        body: [
          hiddenField('do', 'edit'),
          ...renderControls(edited, CHANGE, { ...(await listVlanFields(view)), values }),
        ],
        submit: words.forms.save,
      })}</div>
      <h2>${vlans.deleteIt}</h2><div class="sheet narrow"><p class="lead">${vlans.loss}</p>${renderForm(view, { body: hiddenField('do', 'delete'), submit: vlans.delete, tone: 'danger' })}</div>`
    : nothing;
  const add = isAdmin
    ? html`<a class="button plain small-button" href="${NETWORKS_PATH}subnets/?vlan=${vlan.id}">${vlans.addSubnet}</a>`
    : nothing;
  const { facts } = words.networks;
  return renderFullPage(view, {
    title,
    place: 'networks',
    main: html`
      <div class="bar"><h1>${title}</h1></div>
      <div class="cards"><div class="sheet"><dl class="pairs">
      ${pair(vlans.fabric, html`<a href="${NETWORKS_PATH}fabrics/${fabric.id}/">${fabric.name}</a>`)}
      ${pair(facts.space, space === undefined ? none : html`<a href="${NETWORKS_PATH}spaces/${space.id}/">${space.name}</a>`)}
      ${pair(facts.mtu, html`${vlanView.mtu}`)}${pair(words.forms.description, orNone(vlan.description))}</dl></div>
      ${servicePart(view, vlanView, own.length > 0)}</div>
      <div class="sheet stacked"><div class="card-head"><h2>${words.networkObjects.subnets.title}</h2>${add}</div>
      ${own.length === 0 ? html`<div class="note soft">${words.networks.noSubnet}</div>` : subnets}</div>${forms}`,
  });
}

async function act(view: View): Promise<Outcome> {
  const vlanView = await findVlan(view);
  if (vlanView === undefined) return undefined;
  const path = { id: String(vlanView.vlan.id) };
  const to = vlanPath(vlanView.vlan.id);
  const { vlans } = words.networkObjects;
  const name = vlanName(vlanView);
  switch (fieldValue(view, 'do')) {
    case 'off':
      return submit(view, CHANGE, path, { dhcp_on: 'false' }, to, vlans.switchedOff);
    case 'on': {
      const racks = {
        primary_rack: fieldValue(view, 'primary_rack') || undefined,
        secondary_rack: fieldValue(view, 'secondary_rack') || undefined,
      };
      return submit(view, CHANGE, path, { dhcp_on: 'true', ...racks }, to, vlans.switchedOn);
    }
    case 'edit':
      return submit(
        view,
        CHANGE,
        path,
        collectFormValues(view, CHANGE, await listVlanFields(view)),
        to,
        words.objects.saved(name),
      );
    case 'delete':
      return submit(view, REMOVE, path, {}, NETWORKS_PATH, words.objects.deleted(name));
    default:
      return undefined;
  }
}

async function renderNew(view: View): Promise<Html> {
  const { vlans } = words.networkObjects;
  const { records } = await view.region.networks.look();
  const fabrics = records.fabrics.map(({ id, name }): Choice => [String(id), name]);
  return renderFullPage(view, {
    title: vlans.addTo,
    place: 'networks',
    main: html`
      <div class="bar"><h1>${vlans.addTo}</h1></div><div class="sheet narrow">${renderForm(view, {
        body: [
          choiceField(view, {
            name: 'fabric',
            label: vlans.fabric,
            value: queryValue(view, 'fabric'),
            choices: fabrics,
          }),
          ...renderControls(view, ADD, await listVlanFields(view)),
        ],
        submit: vlans.add,
        back: NETWORKS_PATH,
      })}</div>`,
  });
}

async function submitVlan(view: View): Promise<Outcome> {
  const values = collectFormValues(view, ADD, await listVlanFields(view));
  const answer = await operate(view, ADD, { fabric_id: `id:${fieldValue(view, 'fabric')}` }, values);
  if (answer.kind !== 'json') return answer.kind === 'refusal' ? answer : undefined;
  const { id, vid, name } = Object(answer.value);
  return {
    kind: 'done',
    to: vlanPath(Number(id)),
    text: words.objects.added(words.networks.vlan(Number(vid), String(name ?? ''))),
  };
}

export const VLAN_PAGES: readonly PageDefinition[] = [
  { path: PATH, access: 'admin', render: renderNew, act: submitVlan, operations: [ADD] },
  { path: `${PATH}:vlan/`, access: 'user', render: renderVlan, act, operations: [CHANGE, REMOVE] },
];
