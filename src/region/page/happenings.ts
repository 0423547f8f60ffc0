// Sentences of events and of remarks about machines in Japanese and Traditional Chinese, by code. The English ones, which others read too,
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
  'waits-for-hand': () => '電源が入れられるのを待っています',
  'waits-for-restart': () => '手動での再起動を待っています',
  'has-started': () => '起動しました',
  'system-seen': () => 'システムがそのアドレスで確認されました',
  'may-be-running': () => 'まだ動作している可能性があります。手動で電源を切ってください',
  'failed-without-reason': () => '理由を示さずに失敗しました',
  'boots-from-network': () => 'ネットワークから起動しています',
  'runs-checks': () => '検査を実行しています',
  'writes-disk': () => 'ディスクに書き込んでいます',
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
  'debug-login-closed': () => 'デバッグログインを終了しました',
  'disk-written': () => 'ディスクへの書き込みが終わりました。以後は自分のディスクから起動します',
  'network-wanted': () => '再びネットワークから起動するよう求められました',
  'rescue-lasting': () => 'レスキューモードを終了しないため、電源を操作します',
  'boots-repeated': ({ boots }) => `作業の報告がないまま、ネットワークから${boots}回起動しました`,
  'disk-not-starting': ({ starts }) =>
    `ディスクから起動できません: 起動を${starts}回指示しましたが、毎回ネットワークから起動しました`,
  'work-overran': ({ status, minutes, isRestarted, isWritten, seen }) => {
    const again = isRestarted ? '再起動しても' : '';
    const written = isWritten ? 'ディスクは書き込まれましたが、システムは確認されていません。' : '';
    const heard = seen === undefined ? '応答がありません' : `最後の記録: ${eventSentence(seen, HAPPENINGS_JA)}`;
    return `${again}${minutes}分以内に終わりませんでした (${words.values.state(status)})。${written}${heard}`;
  },
  'power-doubted': ({ doubt, minutes }) =>
    `${eventSentence(doubt, HAPPENINGS_JA)}。その後${minutes}分間、応答がありません`,
  'work-restarted': ({ why }) => `${eventSentence(why, HAPPENINGS_JA)}。やり直します`,
  enlisted: ({ isUnvouched, leftOut, isAdded }) =>
    `${isAdded === true ? '手動で追加されました' : '初めて報告しました'}${isUnvouched ? ' (起動したインターフェイスからではありません)' : ''}${leftOutJa(leftOut)}`,
  'hardware-reported': ({ leftOut }) => `ハードウェアを報告しました${leftOutJa(leftOut)}`,
  'bmc-reported': ({ address, driver, user }) =>
    `${address}のBMCを報告しました (${driver})${user === undefined ? '' : `。ユーザー${user}のパスワードは新しくなりました`}`,
  'zone-set': ({ zone, from, rack }) =>
    `${rack === undefined ? '' : `ラック${rack}を`}${from === undefined ? '' : `ゾーン${from}から`}ゾーン${zone}に移しました`,
  'device-added': () => 'デバイスとして追加しました',
  'rack-registered': ({ rack, uuid, address }) => `ラック${rack} (${uuid}) が${address}から登録されました`,
  'rack-described': ({ rack, differs }) => `ラック${rack}の説明を変更しました${differsWords(differs)}`,
  'rack-judged': ({ verdict, rack, uuid }) =>
    `ラック${rack} (${uuid}) を${{ accepted: '承認', rejected: '拒否', removed: '削除' }[verdict]}しました`,
  'rack-away': ({ rack, heardMs }) => `ラック${rack}は${momentText(heardMs)}から応答がありません`,
  'rack-back': ({ rack }) => `ラック${rack}が再び報告しています`,
  'events-lost': ({ rack, events }) => `ラック${rack}は送信待ちが一杯になり、イベント${events}件を失いました`,
  'settings-changed': ({ changes, differs }) =>
    differs === undefined
      ? changes.map(({ key, isRemoved }) => `${key}を${isRemoved ? '削除' : '設定'}`).join('、')
      : `変更${differsWords(differs)}`,
  'machine-edited': ({ fields, differs }) =>
    `変更${differs === undefined ? after(fields.map(labelOf).join('、')) : differsWords(differs)}`,
  'user-created': ({ user, isAdmin }) => `${isAdmin ? '管理者' : 'ユーザー'}${user}を作成しました`,
  'user-rights-changed': ({ user, isAdmin }) => `${user}を${isAdmin ? '管理者' : '一般ユーザー'}にしました`,
  'user-email-changed': ({ user, differs }) => `${user}のメールアドレスを変更しました${differsWords(differs)}`,
  'user-removed': ({ user }) => `アカウント${user}を削除しました`,
  'password-changed': ({ user }) => `${user}のパスワードを変更しました`,
  'signed-in': ({ from }) => `${from}からサインインしました`,
  'signed-out': ({ from }) => `${from}からサインアウトしました`,
  'password-wrong': ({ user, from, count }) =>
    `${from}から、${user === '' ? '存在しないアカウント' : user}に対して誤ったパスワードが${count}回`,
  'api-key-made': ({ name }) => `APIキーを作成しました${name === '' ? '' : ` (${name})`}`,
  'api-key-changed': ({ change, name }) =>
    `APIキーを${change === 'renamed' ? '改名' : '削除'}しました${name === '' ? '' : ` (${name})`}`,
  'owner-changed': ({ from, to }) => `アカウント${from}が削除されたため、所有者は${to}になりました`,
  'ssh-key-added': ({ user }) => `${user}のSSH鍵を追加しました`,
  'ssh-key-removed': ({ user }) => `${user}のSSH鍵を削除しました`,
  'tag-created': ({ tag }) => `タグ${tag}を作成しました`,
  'tag-changed': ({ tag, differs }) => `タグ${tag}を変更しました${differsWords(differs)}`,
  'tag-deleted': ({ tag }) => `タグ${tag}を削除しました`,
  'tag-assigned': ({ tag, change }) =>
    change === undefined
      ? `タグ${tag}を持つマシンを変更しました`
      : `タグ${tag}を${change === 'added' ? '付けました' : '外しました'}`,
  'area-changed': ({ area, name, change, differs }) =>
    `${AREAS_JA[area]}${name}を${CHANGED_JA[change]}しました${differsWords(differs)}`,
  'script-added': ({ script }) => `スクリプト${script}を追加しました`,
  'script-changed': ({ script, differs }) => `スクリプト${script}を変更しました${differsWords(differs)}`,
  'script-removed': ({ script }) => `スクリプト${script}を削除しました`,
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
  'image-imported': ({ image, serial, source }) => `${source}から${image}/${serial}をインポートしました`,
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
  'waits-for-hand': () => '等待有人開機',
  'waits-for-restart': () => '等待手動重新開機',
  'has-started': () => '已啟動',
  'system-seen': () => '已看到其系統與位址',
  'may-be-running': () => '可能仍在執行：請手動關機',
  'failed-without-reason': () => '失敗，但未說明原因',
  'boots-from-network': () => '正在從網路開機',
  'runs-checks': () => '正在執行檢查',
  'writes-disk': () => '正在寫入磁碟',
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
  'debug-login-closed': () => '已關閉除錯登入',
  'disk-written': () => '磁碟已寫入：此後從自己的磁碟開機',
  'network-wanted': () => '被要求再次從網路開機',
  'rescue-lasting': () => '未離開救援模式：改為切換電源',
  'boots-repeated': ({ boots }) => `從網路開機 ${boots} 次，但其工作沒有任何回報`,
  'disk-not-starting': ({ starts }) => `磁碟無法開機：已指示 ${starts} 次從磁碟開機，但每次都又從網路開機`,
  'work-overran': ({ status, minutes, isRestarted, isWritten, seen }) => {
    const again = isRestarted ? '，重新啟動後也一樣' : '';
    const written = isWritten ? '磁碟已寫入，但沒有看到其系統；' : '';
    const heard = seen === undefined ? '沒有任何動靜' : `最近一次：${eventSentence(seen, HAPPENINGS_ZH)}`;
    return `${words.values.state(status)}未在 ${minutes} 分鐘內結束${again}；${written}${heard}`;
  },
  'power-doubted': ({ doubt, minutes }) => `${eventSentence(doubt, HAPPENINGS_ZH)}；之後 ${minutes} 分鐘沒有任何動靜`,
  'work-restarted': ({ why }) => `${eventSentence(why, HAPPENINGS_ZH)}；重新開始`,
  enlisted: ({ isUnvouched, leftOut, isAdded }) =>
    `${isAdded === true ? '手動新增' : '首次回報'}${isUnvouched ? '，但不是從開機的介面' : ''}${leftOutZh(leftOut)}`,
  'hardware-reported': ({ leftOut }) => `回報了硬體${leftOutZh(leftOut)}`,
  'bmc-reported': ({ address, driver, user }) =>
    `回報了位於 ${address} 的 BMC (${driver})${user === undefined ? '' : `，其使用者 ${user} 有新密碼`}`,
  'zone-set': ({ zone, from, rack }) =>
    `${rack === undefined ? '' : `將機架控制器 ${rack} `}${from === undefined ? '' : `從分區 ${from} `}移至分區 ${zone}`,
  'device-added': () => '已新增為裝置',
  'rack-registered': ({ rack, uuid, address }) => `機架控制器 ${rack} (${uuid}) 從 ${address} 註冊`,
  'rack-described': ({ rack, differs }) => `變更了機架控制器 ${rack} 的描述${differsWords(differs)}`,
  'rack-judged': ({ verdict, rack, uuid }) =>
    `${{ accepted: '接受', rejected: '拒絕', removed: '移除' }[verdict]}了機架控制器 ${rack} (${uuid})`,
  'rack-away': ({ rack, heardMs }) => `機架控制器 ${rack} 自 ${momentText(heardMs)} 起沒有消息`,
  'rack-back': ({ rack }) => `機架控制器 ${rack} 恢復回報`,
  'events-lost': ({ rack, events }) => `機架控制器 ${rack} 的待送佇列已滿，遺失 ${events} 個事件`,
  'settings-changed': ({ changes, differs }) =>
    differs === undefined
      ? changes.map(({ key, isRemoved }) => `${isRemoved ? '移除' : '設定'} ${key}`).join('、')
      : `變更${differsWords(differs)}`,
  'machine-edited': ({ fields, differs }) =>
    `變更${differs === undefined ? after(fields.map(labelOf).join('、')) : differsWords(differs)}`,
  'user-created': ({ user, isAdmin }) => `建立了${isAdmin ? '管理員' : '使用者'} ${user}`,
  'user-rights-changed': ({ user, isAdmin }) => `將 ${user} 改為${isAdmin ? '管理員' : '一般使用者'}`,
  'user-email-changed': ({ user, differs }) => `變更了 ${user} 的電子郵件${differsWords(differs)}`,
  'user-removed': ({ user }) => `移除了帳號 ${user}`,
  'password-changed': ({ user }) => `變更了 ${user} 的密碼`,
  'signed-in': ({ from }) => `從 ${from} 登入`,
  'signed-out': ({ from }) => `從 ${from} 登出`,
  'password-wrong': ({ user, from, count }) =>
    `從 ${from} 輸入錯誤密碼 ${count} 次，帳號：${user === '' ? '不存在' : user}`,
  'api-key-made': ({ name }) => `建立了 API 金鑰${name === '' ? '' : ` (${name})`}`,
  'api-key-changed': ({ change, name }) =>
    `${change === 'renamed' ? '重新命名' : '移除'}了 API 金鑰${name === '' ? '' : ` (${name})`}`,
  'owner-changed': ({ from, to }) => `因帳號 ${from} 已移除，擁有者改為 ${to}`,
  'ssh-key-added': ({ user }) => `新增了 ${user} 的 SSH 金鑰`,
  'ssh-key-removed': ({ user }) => `移除了 ${user} 的 SSH 金鑰`,
  'tag-created': ({ tag }) => `建立了標籤 ${tag}`,
  'tag-changed': ({ tag, differs }) => `變更了標籤 ${tag}${differsWords(differs)}`,
  'tag-deleted': ({ tag }) => `刪除了標籤 ${tag}`,
  'tag-assigned': ({ tag, change }) =>
    change === undefined ? `變更了具有標籤 ${tag} 的機器` : `${change === 'added' ? '加上' : '移除'}了標籤 ${tag}`,
  'area-changed': ({ area, name, change, differs }) =>
    `${CHANGED_ZH[change]}了${AREAS_ZH[area]} ${name}${differsWords(differs)}`,
  'script-added': ({ script }) => `新增了指令碼 ${script}`,
  'script-changed': ({ script, differs }) => `變更了指令碼 ${script}${differsWords(differs)}`,
  'script-removed': ({ script }) => `移除了指令碼 ${script}`,
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
  'image-imported': ({ image, serial, source }) => `從 ${source} 匯入了 ${image}/${serial}`,
  'image-upload': ({ image, step }) => `${UPLOADS_ZH[step]} ${image}`,
};
