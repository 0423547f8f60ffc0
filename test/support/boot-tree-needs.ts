// The needs of a test that boots the real environment: packages of a Debian mirror, unless an earlier run has built and kept its boot tree.

import { hasBootTree, type TreeContent } from '../../src/lab/boot-tree.ts';
import type { Need } from './needs.ts';

export const bootTreeNeeds = (content: TreeContent = 'amd64'): readonly Need[] =>
  hasBootTree(content) ? [] : ['apt-get', 'dpkg-deb', 'debian-mirror'];
