// Sentences of events and of remarks about machines in Japanese and Traditional Chinese that are computed, by code; the others are in
// `lang/*.json`. The English ones, which others read too,
// are those of the records (`records/events.ts`); a code that is missing here is English.
//
// 1. What a power controller, an image source or a rack says stays as it is.

import { type Difference, differencesText } from '../records/difference.ts';
import { after, besidesTrust, eventSentence, type HappeningWords, nameOf } from '../records/events.ts';
import { powerText } from '../records/power-words.ts';
import { labelOf } from './operation-form.ts';
import { momentText } from './values.ts';
import { words } from './words.ts';

/** The label of the button that gives a command. */
const buttonOf = (command: string): string =>
  Object.entries(words.actions).find(([name]) => name === command)?.[1].label ?? command;

/** What differs, with the labels of the page's forms. */
const differsWords = (differs: readonly Difference[] = []) =>
  after(differencesText(differs, labelOf, words.settings.none));

const SWITCHED_JA = {
  on: '電源オン',
  off: '電源オフ',
  'soft-off': 'シャットダウン要求',
  cycle: '電源オフ・オン',
} as const;
const CHANGED_JA = { added: '追加', changed: '変更', removed: '削除' } as const;
const AREAS_JA = { zone: 'ゾーン', pool: 'リソースプール' } as const;
const WISHES_JA = { import: 'インポートを再開', pause: '一時停止', cancel: '取り消し', delete: '削除' } as const;
const UPLOADS_JA = {
  begun: 'のアップロードを開始しました',
  added: 'をアップロードして追加しました',
  abandoned: 'の中断されたアップロードを削除しました',
} as const;
const NOUNS_JA = {
  fabric: 'ファブリック',
  space: 'スペース',
  VLAN: 'VLAN',
  subnet: 'サブネット',
  'reserved range': '予約範囲',
  'dynamic range': '動的範囲',
  'static range': '静的範囲',
  'static route': '静的ルート',
  address: 'アドレス',
  connection: '接続',
  'heard hosts': '検出したホスト',
} as const;
const leftOutJa = (leftOut: readonly unknown[]) =>
  leftOut.length === 0 ? '' : ' (大きすぎるため、一部は保存されていません)';

export const HAPPENINGS_JA: HappeningWords = {
  command: ({ command, comment }) => `${buttonOf(command)}${after(comment)}`,
  'power-ordered': ({ task, comment }) => `${SWITCHED_JA[task]}を指示${after(comment)}`,
  'power-switched': ({ task, detail }) => `${SWITCHED_JA[task]}を行いました${after(powerText(detail))}`,
  'power-off-again': ({ task, status }) =>
    `${SWITCHED_JA[task]}の後、再び電源を切りました: 状態は${words.values.state(status)}で、することがありません`,
  'power-uncertain': ({ task, detail }) => `${SWITCHED_JA[task]}を行った可能性があります${after(powerText(detail))}`,
  'power-failed': ({ task, detail }) => `${SWITCHED_JA[task]}に失敗しました${after(powerText(detail))}`,
  'power-query-failed': ({ detail }) => `電源コントローラーから有効な応答がありません${after(powerText(detail))}`,
  'power-seen': ({ state }) => `Rackbootによらずに電源が${state === 'on' ? '入りました' : '切れました'}`,
  'machine-deleted': ({ status, ...machine }) =>
    `${nameOf(machine)}を削除しました${status === undefined ? '' : ` (状態: ${words.values.state(status)})`}`,
  'debug-login-opened': ({ user, untilMs, comment }) =>
    `${user}の鍵によるデバッグログインを${momentText(untilMs)}まで許可しました${after(comment)}`,
  'work-overran': ({ status, minutes, isRestarted, isWritten, seen }) => {
    const again = isRestarted ? '再起動しても' : '';
    const written = isWritten ? 'ディスクは書き込まれましたが、システムは確認されていません。' : '';
    const heard = seen === undefined ? '応答がありません' : `最後の記録: ${eventSentence(seen, words.happenings)}`;
    return `${again}${minutes}分以内に終わりませんでした (${words.values.state(status)})。${written}${heard}`;
  },
  'power-doubted': ({ doubt, minutes }) =>
    `${eventSentence(doubt, words.happenings)}。その後${minutes}分間、応答がありません`,
  'work-restarted': ({ why }) => `${eventSentence(why, words.happenings)}。やり直します`,
  enlisted: ({ isUnvouched, leftOut, isAdded }) =>
    `${isAdded === true ? '手動で追加されました' : '初めて報告しました'}${isUnvouched ? ' (起動したインターフェイスからではありません)' : ''}${leftOutJa(leftOut)}`,
  'hardware-reported': ({ leftOut }) => `ハードウェアを報告しました${leftOutJa(leftOut)}`,
  'bmc-reported': ({ address, driver, user }) =>
    `${address}のBMCを報告しました (${driver})${user === undefined ? '' : `。ユーザー${user}のパスワードは新しくなりました`}`,
  'zone-set': ({ zone, from, rack }) =>
    `${rack === undefined ? '' : `ラック${rack}を`}${from === undefined ? '' : `ゾーン${from}から`}ゾーン${zone}に移しました`,
  'machines-merged': ({ machine, macs }) =>
    `${nameOf(machine)}を統合しました${macs.length === 0 ? '' : ` (${macs.join(' ')})`}`,
  'home-moved': ({ rack, network }) =>
    `ラック${rack}${network === undefined ? '' : `のネットワーク${network}`}に移しました`,
  'rack-owner-lost': ({ user, racks, more }) =>
    `${user}は管理者ではなくなったため、そのAPIキーを使うラックを拒否しました: ${racks.join(', ')}${more === 0 ? '' : `、他${more}台`}。これらのregion.api_key_fileに管理者のキーを設定し、再起動してください`,
  'rack-described': ({ rack, differs }) => `ラック${rack}の説明を変更しました${differsWords(differs)}`,
  'rack-judged': ({ verdict, rack, uuid }) =>
    `ラック${rack} (${uuid}) を${{ accepted: '承認', rejected: '拒否', removed: '削除' }[verdict]}しました`,
  'rack-away': ({ rack, heardMs }) => `ラック${rack}は${momentText(heardMs)}から応答がありません`,
  'settings-changed': ({ changes, differs }) =>
    differs === undefined
      ? changes.map(({ key, isRemoved }) => `${key}を${isRemoved ? '削除' : '設定'}`).join('、')
      : `変更${differsWords(differs)}`,
  'machine-edited': ({ fields, differs }) =>
    `変更${differs === undefined ? after(fields.map(labelOf).join('、')) : differsWords(differs)}`,
  'user-created': ({ user, isAdmin }) => `${isAdmin ? '管理者' : 'ユーザー'}${user}を作成しました`,
  'user-rights-changed': ({ user, isAdmin }) => `${user}を${isAdmin ? '管理者' : '一般ユーザー'}にしました`,
  'user-email-changed': ({ user, differs }) => `${user}のメールアドレスを変更しました${differsWords(differs)}`,
  'password-wrong': ({ user, from, count }) =>
    `${from}から、${user === '' ? '存在しないアカウント' : user}に対して誤ったパスワードが${count}回`,
  'api-key-made': ({ name }) => `APIキーを作成しました${name === '' ? '' : ` (${name})`}`,
  'api-key-changed': ({ change, name }) =>
    `APIキーを${change === 'renamed' ? '改名' : '削除'}しました${name === '' ? '' : ` (${name})`}`,
  'tag-changed': ({ tag, differs }) => `タグ${tag}を変更しました${differsWords(differs)}`,
  'tag-assigned': ({ tag, change }) =>
    change === undefined
      ? `タグ${tag}を持つマシンを変更しました`
      : `タグ${tag}を${change === 'added' ? '付けました' : '外しました'}`,
  'area-changed': ({ area, name, change, differs }) =>
    `${AREAS_JA[area]}${name}を${CHANGED_JA[change]}しました${differsWords(differs)}`,
  'script-changed': ({ script, differs }) => `スクリプト${script}を変更しました${differsWords(differs)}`,
  'boot-source-changed': ({ change, source, why, differs }) => {
    const trust = why === undefined ? '' : ` (署名なしで信頼: ${why})`;
    return `イメージの取得元${source}を${CHANGED_JA[change]}しました${trust}${differsWords(besidesTrust(differs))}`;
  },
  'boot-selection-changed': ({ change, image, source, differs }) =>
    `${source}の選択${image}を${CHANGED_JA[change]}しました${differsWords(differs)}`,
  'networks-scanned': ({ networks }) => `${networks.join(', ')}をスキャンしました`,
  'lease-changed': ({ change, ip }) =>
    change === 'end' ? `${ip}のリースを終了しました` : `使用を保留していた${ip}を範囲に戻しました`,
  'network-changed': ({ change, what, name, differs }) =>
    `${NOUNS_JA[what]}${name}を${CHANGED_JA[change]}しました${differsWords(differs)}`,
  'import-asked': ({ isStop, isEmpty = false }) => {
    if (isStop) return 'イメージのインポートを停止しました';
    return isEmpty
      ? 'イメージのインポートを要求しましたが、何も選択されていません'
      : 'イメージのインポートを要求しました';
  },
  'image-wished': ({ image, wish }) => `${image}: ${WISHES_JA[wish]}`,
  'image-upload': ({ image, step }) => `${image}${UPLOADS_JA[step]}`,
};

const SWITCHED_ZH = { on: '開機', off: '關機', 'soft-off': '要求關機', cycle: '關機後再開機' } as const;
const CHANGED_ZH = { added: '新增', changed: '變更', removed: '移除' } as const;
const AREAS_ZH = { zone: '分區', pool: '資源池' } as const;
const WISHES_ZH = { import: '繼續匯入', pause: '暫停匯入', cancel: '取消匯入', delete: '刪除' } as const;
const UPLOADS_ZH = { begun: '開始上傳', added: '已上傳並新增', abandoned: '移除無人繼續的上傳' } as const;
const NOUNS_ZH = {
  fabric: 'Fabric ',
  space: 'Space ',
  VLAN: 'VLAN ',
  subnet: '子網路 ',
  'reserved range': '保留範圍 ',
  'dynamic range': '動態範圍 ',
  'static range': '靜態範圍 ',
  'static route': '靜態路由 ',
  address: '位址 ',
  connection: '連線 ',
  'heard hosts': '偵測到的主機 ',
} as const;
const leftOutZh = (leftOut: readonly unknown[]) => (leftOut.length === 0 ? '' : ' (資料過大，部分未儲存)');

export const HAPPENINGS_ZH: HappeningWords = {
  command: ({ command, comment }) => `${buttonOf(command)}${after(comment)}`,
  'power-ordered': ({ task, comment }) => `下令${SWITCHED_ZH[task]}${after(comment)}`,
  'power-switched': ({ task, detail }) => `已${SWITCHED_ZH[task]}${after(powerText(detail))}`,
  'power-off-again': ({ task, status }) =>
    `已${SWITCHED_ZH[task]}，隨後又關機：狀態為${words.values.state(status)}，沒有工作`,
  'power-uncertain': ({ task, detail }) => `可能已${SWITCHED_ZH[task]}${after(powerText(detail))}`,
  'power-failed': ({ task, detail }) => `${SWITCHED_ZH[task]}失敗${after(powerText(detail))}`,
  'power-query-failed': ({ detail }) => `電源控制器沒有有效的回應${after(powerText(detail))}`,
  'power-seen': ({ state }) => `電源已${state === 'on' ? '開啟' : '關閉'}，但不是由 Rackboot 切換`,
  'machine-deleted': ({ status, ...machine }) =>
    `已刪除 ${nameOf(machine)}${status === undefined ? '' : ` (狀態：${words.values.state(status)})`}`,
  'debug-login-opened': ({ user, untilMs, comment }) =>
    `已開放以 ${user} 的金鑰進行除錯登入，至 ${momentText(untilMs)}${after(comment)}`,
  'work-overran': ({ status, minutes, isRestarted, isWritten, seen }) => {
    const again = isRestarted ? '，重新啟動後也一樣' : '';
    const written = isWritten ? '磁碟已寫入，但沒有看到其系統；' : '';
    const heard = seen === undefined ? '沒有任何動靜' : `最近一次：${eventSentence(seen, words.happenings)}`;
    return `${words.values.state(status)}未在 ${minutes} 分鐘內結束${again}；${written}${heard}`;
  },
  'power-doubted': ({ doubt, minutes }) =>
    `${eventSentence(doubt, words.happenings)}；之後 ${minutes} 分鐘沒有任何動靜`,
  'work-restarted': ({ why }) => `${eventSentence(why, words.happenings)}；重新開始`,
  enlisted: ({ isUnvouched, leftOut, isAdded }) =>
    `${isAdded === true ? '手動新增' : '首次回報'}${isUnvouched ? '，但不是從開機的介面' : ''}${leftOutZh(leftOut)}`,
  'hardware-reported': ({ leftOut }) => `回報了硬體${leftOutZh(leftOut)}`,
  'bmc-reported': ({ address, driver, user }) =>
    `回報了位於 ${address} 的 BMC (${driver})${user === undefined ? '' : `，其使用者 ${user} 有新密碼`}`,
  'zone-set': ({ zone, from, rack }) =>
    `${rack === undefined ? '' : `將機架控制器 ${rack} `}${from === undefined ? '' : `從分區 ${from} `}移至分區 ${zone}`,
  'machines-merged': ({ machine, macs }) =>
    `已將 ${nameOf(machine)} 併入${macs.length === 0 ? '' : ` (${macs.join(' ')})`}`,
  'home-moved': ({ rack, network }) => `移至機架控制器 ${rack}${network === undefined ? '' : `，網路 ${network}`}`,
  'rack-owner-lost': ({ user, racks, more }) =>
    `${user} 已不是管理員，因此拒絕使用其 API 金鑰的機架控制器：${racks.join(', ')}${more === 0 ? '' : ` 及另外 ${more} 台`}；請在它們的 region.api_key_file 放入管理員的金鑰，並重新啟動`,
  'rack-described': ({ rack, differs }) => `變更了機架控制器 ${rack} 的描述${differsWords(differs)}`,
  'rack-judged': ({ verdict, rack, uuid }) =>
    `${{ accepted: '接受', rejected: '拒絕', removed: '移除' }[verdict]}了機架控制器 ${rack} (${uuid})`,
  'rack-away': ({ rack, heardMs }) => `機架控制器 ${rack} 自 ${momentText(heardMs)} 起沒有消息`,
  'settings-changed': ({ changes, differs }) =>
    differs === undefined
      ? changes.map(({ key, isRemoved }) => `${isRemoved ? '移除' : '設定'} ${key}`).join('、')
      : `變更${differsWords(differs)}`,
  'machine-edited': ({ fields, differs }) =>
    `變更${differs === undefined ? after(fields.map(labelOf).join('、')) : differsWords(differs)}`,
  'user-created': ({ user, isAdmin }) => `建立了${isAdmin ? '管理員' : '使用者'} ${user}`,
  'user-rights-changed': ({ user, isAdmin }) => `將 ${user} 改為${isAdmin ? '管理員' : '一般使用者'}`,
  'user-email-changed': ({ user, differs }) => `變更了 ${user} 的電子郵件${differsWords(differs)}`,
  'password-wrong': ({ user, from, count }) =>
    `從 ${from} 輸入錯誤密碼 ${count} 次，帳號：${user === '' ? '不存在' : user}`,
  'api-key-made': ({ name }) => `建立了 API 金鑰${name === '' ? '' : ` (${name})`}`,
  'api-key-changed': ({ change, name }) =>
    `${change === 'renamed' ? '重新命名' : '移除'}了 API 金鑰${name === '' ? '' : ` (${name})`}`,
  'tag-changed': ({ tag, differs }) => `變更了標籤 ${tag}${differsWords(differs)}`,
  'tag-assigned': ({ tag, change }) =>
    change === undefined ? `變更了具有標籤 ${tag} 的機器` : `${change === 'added' ? '加上' : '移除'}了標籤 ${tag}`,
  'area-changed': ({ area, name, change, differs }) =>
    `${CHANGED_ZH[change]}了${AREAS_ZH[area]} ${name}${differsWords(differs)}`,
  'script-changed': ({ script, differs }) => `變更了指令碼 ${script}${differsWords(differs)}`,
  'boot-source-changed': ({ change, source, why, differs }) => {
    const trust = why === undefined ? '' : ` (無簽章而信任：${why})`;
    return `${CHANGED_ZH[change]}了映像檔來源 ${source}${trust}${differsWords(besidesTrust(differs))}`;
  },
  'boot-selection-changed': ({ change, image, source, differs }) =>
    `${CHANGED_ZH[change]}了 ${source} 的選擇 ${image}${differsWords(differs)}`,
  'networks-scanned': ({ networks }) => `掃描了 ${networks.join(', ')}`,
  'lease-changed': ({ change, ip }) => (change === 'end' ? `結束了 ${ip} 的租約` : `將停用的 ${ip} 歸還其範圍`),
  'network-changed': ({ change, what, name, differs }) =>
    `${CHANGED_ZH[change]}了${NOUNS_ZH[what]}${name}${differsWords(differs)}`,
  'import-asked': ({ isStop, isEmpty = false }) => {
    if (isStop) return '停止了映像檔的匯入';
    return isEmpty ? '要求匯入映像檔，但沒有選擇任何映像檔' : '要求匯入映像檔';
  },
  'image-wished': ({ image, wish }) => `${WISHES_ZH[wish]} ${image}`,
  'image-upload': ({ image, step }) => `${UPLOADS_ZH[step]} ${image}`,
};
