// Shared by the preseed tests: templates in memory, and a request.

import { TextDirectory } from '../../../src/files/text-directory.ts';
import { DEFAULT_MIRRORS, type PreseedRequest } from '../../../src/region/preseed/request.ts';
import { SHIPPED_DIRECTORY, TemplateSource, type TextSource } from '../../../src/region/preseed/template-source.ts';

/** A directory that is only in memory. */
export function memoryDirectory(files: Readonly<Record<string, string>>): TextSource {
  return {
    find: (name) => {
      const text = Object.hasOwn(files, name) ? files[name] : undefined;
      return text === undefined ? undefined : { ok: true, path: `/own/${name}`, text };
    },
    list: () => Object.keys(files),
  };
}

/** These files over the shipped ones. */
export const templates = (own: Readonly<Record<string, string>> = {}): TemplateSource =>
  new TemplateSource(memoryDirectory(own), new TextDirectory(SHIPPED_DIRECTORY));

/** A typical request for an installer. */
export const REQUEST: PreseedRequest = {
  purpose: 'install',
  machine: {
    systemId: '4y3h7n',
    hostname: 'calm-ibis',
    domain: 'maas',
    architecture: 'amd64',
    subarchitecture: 'generic',
    tags: [
      { name: 'gpu', kernelParams: '' },
      { name: 'rack7', kernelParams: '' },
    ],
  },
  osystem: 'debian',
  release: 'bookworm',
  serverUrl: 'http://10.20.0.1:5248/MAAS',
  httpProxy: '',
  mirrors: DEFAULT_MIRRORS,
  installDisk: '',
  installDiskSerial: '',
  sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB ada@example'],
  kernelParams: 'console=ttyS0,115200n8',
  ntpServers: [],
  credentials: { consumerKey: 'consumer', tokenKey: 'token', tokenSecret: 'secret' },
};
