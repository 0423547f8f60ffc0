// What is chosen when a machine is deployed: the system, the disk, the address, what it runs at its first start.
//
// 1. Only what fits the machine is offered; a machine for which there is nothing says what to do.

import type { ListedImage } from '../life/deployment.ts';
import type { Machine } from '../records/machine.ts';
import { areaField, CHOICES_SHOWN_MAX, type Choice, choiceField, radioField, textField } from './forms.ts';
import { type Html, html, nothing } from './html.ts';
import { formatDisk } from './values.ts';
import { given, type View } from './view.ts';

/** Disks that are offered. */
const DISKS_MAX = 64;
const SPACE = '\u00a0';

/** The images that fit a machine, each system once, the newest of each. */
export function imagesFor(images: readonly ListedImage[], machine: Machine): readonly ListedImage[] {
  const fitting = images.filter(
    ({ architecture, subarchitecture }) =>
      architecture === machine.architecture && ['generic', machine.subarchitecture].includes(subarchitecture),
  );
  const byName = new Map(fitting.toReversed().map((image) => [`${image.os}/${image.release}`, image]));
  return [...byName.values()].reverse();
}

const titleOf = ({ os, release, title, diskBytes }: ListedImage): string =>
  `${title === '' ? `${os} ${release}` : title}${diskBytes === undefined ? '' : ` · fills ${formatDisk(diskBytes)}`}`;

function disksOf({ facts }: Machine): readonly Choice[] {
  const disks = (facts?.disks ?? []).slice(0, DISKS_MAX);
  const isLong = disks.length >= CHOICES_SHOWN_MAX;
  const named = disks.map(({ name, bytes, model }): Choice => {
    const size = `${name} · ${formatDisk(bytes)}`;
    return [name, isLong || model === '' ? size : `${size} · ${model}`];
  });
  return [['', 'Chosen by the machine'], ...named];
}

/** The controls of the form. */
export function deployFields(view: View, machine: Machine): Html {
  const images = imagesFor(view.region.images?.() ?? [], machine);
  const systems = images.map((image): Choice => [`${image.os}/${image.release}`, titleOf(image)]);
  const chosen = machine.release === '' ? (systems[0]?.[0] ?? '') : `${machine.osystem}/${machine.release}`;
  const noImage =
    systems.length > 0
      ? nothing
      : html`<div class="alert amber"><b>There is no image for ${machine.architecture}.</b> On the rack,
        ${' '}<code>rackboot images make-debian</code> builds one, and <code>rackboot images add FILE</code> takes one that you have.</div>`;
  return html`${[
    keyWarning(view, machine),
    noImage,
    systems.length > 0
      ? choiceField(view, { name: 'distro_series', label: 'System', value: chosen, choices: systems })
      : textField(view, { name: 'distro_series', label: 'System', placeholder: 'debian/trixie', value: chosen }),
    wayField(view),
    choiceField(view, {
      name: 'disk',
      label: 'Disk',
      value: '',
      choices: disksOf(machine),
      hint: 'The machine chooses the smallest that holds the image, and a USB disk last.',
    }),
    textField(view, {
      name: 'ip_address',
      label: 'Address',
      placeholder: '10.20.0.10',
      hint: 'Leave it empty to get a free one of the static range.',
      charactersMax: 15,
    }),
    areaField(view, {
      name: 'user_data',
      label: 'User data',
      rows: 6,
      hint: `For cloud-init, at the first start: a script that begins with #!, or text that begins with #cloud-config.`,
    }),
  ]}`;
}

function wayField(view: View): Html {
  const way = radioField(view, {
    name: 'deploy_by',
    label: 'How',
    value: 'image',
    choices: [
      ['image', 'Write an image', 'The disk is written in one go, which takes minutes.'],
      [
        'installer',
        'Run the installer',
        'That of the distribution, without questions, from its mirror. It takes longer.',
      ],
    ],
  });
  const other = textField(view, {
    name: 'installed_series',
    label: 'System for the installer',
    placeholder: 'debian/bookworm',
    hint: 'Leave it empty to install the system above.',
    charactersMax: 128,
  });
  return html`${way}<div class="installed">${other}</div>`;
}

function keyWarning(view: View, machine: Machine): Html {
  if (view.viewer.kind !== 'person') return nothing;
  const owner = machine.owner ?? view.viewer.username;
  if (view.region.store.life.listSshKeys(owner).length > 0) return nothing;
  const whose = owner === view.viewer.username ? 'You have' : `${owner} has`;
  return html`
    <div class="alert amber"><b>${whose} no SSH key${SPACE}yet.</b> Nobody could log in to the machine, so it
    will be refused: <a href="/MAAS/account/">add a key</a> first,
    or type <code>sudo rackboot sshkeys add ~/.ssh/id_ed25519.pub --username ${owner}</code> on the rack. Without a file like
    that, <code>ssh-keygen</code> makes one on your computer.</div>`;
}

/** What of the form the operation takes. */
export function deployValues(view: View): Record<string, string | undefined> {
  const userData = given(view, 'user_data').replaceAll('\r\n', '\n').replace(/^\n/, '');
  const isInstalled = given(view, 'deploy_by') === 'installer';
  const installed = isInstalled ? given(view, 'installed_series').trim() : '';
  return {
    deploy_by: isInstalled ? 'installer' : undefined,
    distro_series: installed || given(view, 'distro_series') || undefined,
    disk: given(view, 'disk') || undefined,
    ip_address: given(view, 'ip_address') || undefined,
    user_data: userData.trim() === '' ? undefined : Buffer.from(userData).toString('base64'),
  };
}
