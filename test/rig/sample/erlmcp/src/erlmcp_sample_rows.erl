%% Deterministic content: the same seed, table, ID and version give the same row on every machine.
-module(erlmcp_sample_rows).

-export([row/3, changed/4, record/3, opening_balance/0, text/3]).

-define(OPENING_BALANCE, 1000).
%% 2026-02-02T12:00:00Z in milliseconds; rows carry times derived from it, never the clock's.
-define(EPOCH_MS, 1770033600000).

-spec opening_balance() -> pos_integer().
opening_balance() -> ?OPENING_BALANCE.

%% The Mnesia record of one ID, about 130 bytes as external terms for the big tables.
-spec record(atom(), pos_integer(), non_neg_integer()) -> tuple().
record(account, Id, Version) ->
    {account, Id, owner(account, Id), ?OPENING_BALANCE, currency(Id), iban(Id), time(Id, Version),
        text(account, Id, Version)};
record(wallet, Id, Version) ->
    {wallet, Id, owner(wallet, Id), ?OPENING_BALANCE, time(Id, Version)};
record(client, Id, Version) ->
    Name = owner(client, Id),
    Email = iolist_to_binary([integer_to_binary(Id), $@, word(client, Id), ".example"]),
    Profile = #{
        language => pick(Id, [<<"en">>, <<"de">>, <<"hr">>, <<"ja">>]),
        score => Id / 7,
        visits => Version,
        <<"nickname">> => text(nickname, Id, Version)
    },
    {client, Id, Name, Email, country(Id), Profile};
record(event, Id, Version) ->
    %% A bag: about four events share a key.
    {event, (Id + 3) div 4, time(Id, Version), pick(Id, [login, logout, call, error]),
        text(event, Id, Version)};
record(calendar, Id, Version) ->
    {calendar, {{2026, 1 + Id rem 12, 1 + Id rem 28}, Id}, text(calendar, Id, Version)};
record(queue, Id, Version) ->
    {queue, Id, text(queue, Id, Version)};
record(document, Id, Version) ->
    {document, Id, word(document, Id), text(document, Id, Version)};
record(tag, Id, Version) ->
    {tag, word(tag, Id), Id, Version};
record(metric, Id, Version) ->
    {metric, Id, math:sqrt(Id + Version), [{host, word(metric, Id)}, {unit, ms}]};
record(node_setting, Id, Version) ->
    {node_setting, Id, {node(), Version, text(node_setting, Id, Version)}};
record(Table, Id, Version) ->
    {Table, Id, text(Table, Id, Version)}.

%% The tuple of one ID in an ETS or DETS table. The second element of a witness table's row is a
%% balance; the others carry their version there.
-spec row(term(), pos_integer(), non_neg_integer()) -> tuple().
row(Table, Id, Version) when Table =:= erlmcp_tokens; Table =:= prefs ->
    {Id, ?OPENING_BALANCE, text(Table, Id, Version), {Version, currency(Id)}};
row(erlmcp_records, Id, Version) ->
    {tool_record, {tool, Id}, text(erlmcp_records, Id, Version), #{version => Version}, Id * 1.5};
row(closed_bag, Id, Version) ->
    {entry, (Id + 2) div 3, Id, text(closed_bag, Id, Version)};
row(Table, Id, Version) when
    Table =:= erlmcp_subscriptions; Table =:= erlmcp_events; Table =:= erlmcp_plain_bag;
    Table =:= <<"queue">>; Table =:= journal
->
    {(Id + 4) div 5, Id, text(Table, Id, Version)};
row(Table, Id, Version) ->
    {Id, Version, owner(Table, Id), text(Table, Id, Version), time(Id, Version)}.

%% What a change writes: a row that holds a balance keeps it, and a new one starts with none.
-spec changed(term(), pos_integer(), non_neg_integer(), [tuple()]) -> tuple().
changed(Table, Id, Version, Present) when Table =:= erlmcp_tokens; Table =:= prefs ->
    Balance =
        case Present of
            [Old] -> element(2, Old);
            [] -> 0
        end,
    setelement(2, row(Table, Id, Version), Balance);
changed(Table, Id, Version, _Present) ->
    row(Table, Id, Version).

%% Four words and 64 bits of entropy, as free text in a database has.
-spec text(term(), integer(), integer()) -> binary().
text(Table, Id, Version) ->
    <<A:8, B:8, C:8, D:8, Rest:64, _/binary>> = digest(Table, Id, Version),
    %% From a list: to append to a binary would keep 256 bytes for each.
    iolist_to_binary([
        noun(A), $\s, noun(B), $\s, noun(C), $\s, noun(D), $\s, integer_to_binary(Rest, 16)
    ]).

digest(Table, Id, Version) ->
    Seed = erlmcp_sample_config:seed(),
    erlang:md5([<<Seed:64, Id:64, Version:64>>, table_bytes(Table)]).

table_bytes(Table) when is_atom(Table) -> atom_to_binary(Table);
table_bytes(Table) when is_binary(Table) -> Table.

time(Id, Version) -> ?EPOCH_MS + Id * 1013 + Version * 60000.

%% 20 digits: a million rows are made at a start, so without io_lib.
iban(Id) ->
    Digits = integer_to_binary(100000000000000000000 + Id * 7919),
    <<"HR", (binary:part(Digits, 1, 20))/binary>>.

currency(Id) -> pick(Id, [eur, usd, gbp, jpy, chf]).

country(Id) -> pick(Id, [<<"HR">>, <<"DE">>, <<"JP">>, <<"US">>, <<"CH">>, <<"GB">>, <<"FR">>]).

owner(Table, Id) ->
    <<A:8, B:8, _/binary>> = digest(Table, Id, 0),
    iolist_to_binary([first(A), $\s, last(B)]).

word(Table, Id) ->
    <<_:16, A:8, _/binary>> = digest(Table, Id, 0),
    noun(A).

pick(Index, Values) -> lists:nth(1 + Index rem length(Values), Values).

first(Index) ->
    element(1 + Index rem 16, {
        <<"Ana"/utf8>>, <<"Björn"/utf8>>, <<"Chiara"/utf8>>, <<"Đurđa"/utf8>>, <<"Emil"/utf8>>,
        <<"Fatima"/utf8>>, <<"Goran"/utf8>>, <<"Hana"/utf8>>, <<"Ívar"/utf8>>, <<"Jelena"/utf8>>,
        <<"Kenji"/utf8>>, <<"Łukasz"/utf8>>, <<"Mei"/utf8>>, <<"Noor"/utf8>>, <<"Óscar"/utf8>>,
        <<"Petra"/utf8>>
    }).

last(Index) ->
    element(1 + Index rem 16, {
        <<"Armstrong"/utf8>>, <<"Babić"/utf8>>, <<"Çelik"/utf8>>, <<"Dubois"/utf8>>,
        <<"Eriksson"/utf8>>, <<"Ferrari"/utf8>>, <<"García"/utf8>>, <<"Horvat"/utf8>>,
        <<"Ito"/utf8>>, <<"Jensen"/utf8>>, <<"Kovač"/utf8>>, <<"Lindqvist"/utf8>>,
        <<"Müller"/utf8>>, <<"Nowak"/utf8>>, <<"Okafor"/utf8>>, <<"Peeters"/utf8>>
    }).

noun(Index) ->
    element(1 + Index rem 32, {
        <<"anchor">>, <<"bridge">>, <<"cedar">>, <<"delta">>, <<"ember">>, <<"ferry">>,
        <<"garden">>, <<"harbour">>, <<"island">>, <<"juniper">>, <<"kernel">>, <<"lantern">>,
        <<"meadow">>, <<"needle">>, <<"orchard">>, <<"pepper">>, <<"quarry">>, <<"river">>,
        <<"saddle">>, <<"timber">>, <<"umbrella">>, <<"valley">>, <<"window">>, <<"yarrow">>,
        <<"zephyr">>, <<"copper">>, <<"granite">>, <<"marble">>, <<"velvet">>, <<"walnut">>,
        <<"crystal">>, <<"linen">>
    }).
