// The fields for deploying a machine: system, method, disk, address, user data.
//
// 1. Only images and installers that fit the machine are offered. Without any, the form names the commands that add one.

import type { ListedImage } from '../life/deployment.ts';
import type { Machine } from '../records/machine.ts';
import { areaField, CHOICES_SHOWN_MAX, type Choice, choiceField, radioField, textField } from './forms.ts';
import { type Html, html, nothing } from './html.ts';
import { formatDisk } from './values.ts';
import { given, type View } from './view.ts';

/** Disks in the list. */
const DISKS_MAX = 64;
const SPACE = '\u00a0';

/** The newest image of each system that fits a machine. */
function imagesFor(images: readonly ListedImage[], machine: Machine): readonly ListedImage[] {
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

/** The form's fields. */
export function deployFields(view: View, machine: Machine): Html {
  const images = imagesFor(view.region.images?.() ?? [], machine);
  const systems = images.map((image): Choice => [`${image.os}/${image.release}`, titleOf(image)]);
  const chosen = machine.release === '' ? (systems[0]?.[0] ?? '') : `${machine.osystem}/${machine.release}`;
  const noImage =
    systems.length > 0
      ? nothing
      : html`<div class="alert amber"><b>There is no image for ${machine.architecture}.</b> On the rack,
        ${' '}<code>rackboot images make-debian</code> builds one, and <code>rackboot images add FILE</code> adds one of yours.</div>`;
  return html`${[
    keyWarning(view, machine),
    noImage,
    systems.length > 0
      ? choiceField(view, { name: 'distro_series', label: 'System', value: chosen, choices: systems })
      : textField(view, { name: 'distro_series', label: 'System', placeholder: 'debian/trixie', value: chosen }),
    wayField(view, machine, systems.length > 0),
    choiceField(view, {
      name: 'disk',
      label: 'Disk',
      value: '',
      choices: disksOf(machine),
      hint: 'The machine chooses the smallest disk that holds the image, USB disks last.',
    }),
    addressField(view),
    areaField(view, {
      name: 'user_data',
      label: 'User data',
      rows: 6,
      hint: 'For cloud-init at the first boot: a script that begins with #!, or text that begins with #cloud-config.',
    }),
  ]}`;
}

/** The address of an allocation or a deployment. */
export const addressField = (view: View): Html =>
  textField(view, {
    name: 'ip_address',
    label: 'Address',
    hint: 'Leave empty for a free address of the static range.',
    charactersMax: 15,
  });

/** The method, and the installer's system; what other racks have is unknown, so any system may be named there. */
function wayField(view: View, machine: Machine, hasImages: boolean): Html {
  const releases = view.region.installers?.(machine);
  const image = ['image', 'Write an image', 'Takes minutes.'] as const;
  const installer = [
    'installer',
    'Run the installer',
    "The distribution's own, unattended, from its mirror. Takes longer.",
  ] as const;
  const isOffered = releases === undefined || releases.length > 0;
  const way = radioField(view, {
    name: 'deploy_by',
    label: 'Method',
    value: hasImages || releases === undefined || releases.length === 0 ? 'image' : 'installer',
    choices: isOffered ? [image, installer] : [image],
    hint: isOffered ? undefined : noInstaller(machine),
  });
  return isOffered ? html`${way}<div class="installed">${installedField(view, machine, releases)}</div>` : way;
}

/** Says that there is no installer, and which command adds one. */
const noInstaller = ({ architecture }: Machine): Html => {
  const command = `rackboot images import-installer${architecture === 'amd64' ? '' : ` --arch ${architecture}`}`;
  return html`There is no installer for it. On the rack, <code>${command}</code> adds Debian's.`;
};

function installedField(view: View, { release }: Machine, releases: readonly string[] | undefined): Html {
  const control = { name: 'installed_series', label: 'System for the installer' } as const;
  if (releases !== undefined) {
    const value = releases.includes(release) ? release : releases[0];
    return choiceField(view, { ...control, value, choices: releases.map((name): Choice => [name, name]) });
  }
  const hint = 'Leave empty to install the system above.';
  return textField(view, { ...control, placeholder: 'debian/bookworm', hint, charactersMax: 128 });
}

function keyWarning(view: View, machine: Machine): Html {
  if (view.viewer.kind !== 'person') return nothing;
  const owner = machine.owner ?? view.viewer.username;
  if (view.region.store.life.listSshKeys(owner).length > 0) return nothing;
  const whose = owner === view.viewer.username ? 'You have' : `${owner} has`;
  return html`
    <div class="alert amber"><b>${whose} no SSH key${SPACE}yet.</b> The deployment will be refused, because
    nobody could log in: <a href="/MAAS/account/">add a key</a> first,
    or run <code>sudo rackboot sshkeys add ~/.ssh/id_ed25519.pub --username ${owner}</code> on the rack. If you have no
    such file, <code>ssh-keygen</code> makes one on your computer.</div>`;
}

/** The form's values as parameters of the operation. */
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
