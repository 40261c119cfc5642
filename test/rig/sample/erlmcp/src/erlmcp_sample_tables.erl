%% What the sample holds: the ETS, DETS and Mnesia tables and how many rows each starts with.
-module(erlmcp_sample_tables).

-export([create_ets/1, fill_ets/3, ets/0, dets_open/0, dets_closed/0, mnesia/0, dets_file/1]).

%% Tables of erlmcp_sample_ets: {Name, Options, Rows}; rows `special` come from erlmcp_sample_terms.
ets() ->
    Rows = erlmcp_sample_config:get(ets_rows),
    [
        {erlmcp_sessions,
            [named_table, public, set, {read_concurrency, true}, {write_concurrency, true}], Rows},
        {erlmcp_tools,
            [named_table, protected, ordered_set, compressed, {read_concurrency, true}], Rows},
        {erlmcp_tokens, [named_table, private, set], Rows},
        {erlmcp_subscriptions, [named_table, protected, bag], Rows},
        {erlmcp_events, [named_table, private, duplicate_bag], Rows},
        {erlmcp_records, [named_table, protected, set, {keypos, 2}], Rows},
        {erlmcp_terms, [named_table, protected, set], special},
        {erlmcp_terms_ordered, [named_table, public, ordered_set], special},
        {erlmcp_handles, [named_table, protected, set], special},
        {erlmcp_empty, [named_table, public, set], 0},
        {erlmcp_empty_private, [named_table, private, ordered_set], 0},
        %% Three tables without a registered name, two of them called the same.
        {erlmcp_shard, [private, set], 50},
        {erlmcp_shard, [public, set], 60},
        {erlmcp_scratch, [protected, duplicate_bag], 40}
    ].

%% The calling process becomes the owner.
create_ets({Name, Options, Rows}) ->
    Table = ets:new(Name, Options),
    Seed =
        erlmcp_sample_config:get(seed_ets) =:= always orelse
            erlmcp_sample_config:get(first_start),
    case Seed of
        true -> fill_ets(Table, Name, Rows);
        false -> ok
    end,
    Table.

fill_ets(Table, Name, special) ->
    true = ets:insert(Table, erlmcp_sample_terms:rows(Name)),
    ok;
fill_ets(Table, Name, Rows) ->
    lists:foreach(
        fun(Id) -> ets:insert(Table, erlmcp_sample_rows:row(Name, Id, 0)) end,
        lists:seq(1, Rows)
    ).

%% {Name, Type, Key position, Rows}: open all the time, owned by erlmcp_sample_dets.
dets_open() ->
    Rows = erlmcp_sample_config:get(dets_rows),
    [
        {prefs, set, 1, Rows},
        {<<"queue">>, bag, 1, Rows},
        {journal, duplicate_bag, 1, Rows},
        {drawer, set, 1, 0}
    ].

%% Written at the first start and closed: only their files remain.
dets_closed() ->
    Rows = erlmcp_sample_config:get(dets_rows),
    [{archive, set, 1, Rows}, {closed_bag, duplicate_bag, 2, Rows}].

dets_file(Name) ->
    File = iolist_to_binary([name_text(Name), ".dets"]),
    filename:join([erlmcp_sample_config:get(data_dir), "dets", binary_to_list(File)]).

name_text(Name) when is_atom(Name) -> atom_to_binary(Name);
name_text(Name) when is_binary(Name) -> Name.

%% {Name, Rows, Options without replicas, Storage}.
mnesia() ->
    Rows = erlmcp_sample_config:get(rows),
    Side = erlmcp_sample_config:get(side_rows),
    [
        {account, Rows, disc_copies, [
            {attributes, [id, owner, balance, currency, iban, updated, note]}
        ]},
        {wallet, Side, ram_copies, [{attributes, [id, owner, balance, updated]}]},
        {client, Side, disc_copies, [
            {attributes, [id, name, email, country, profile]}, {index, [email, country]}
        ]},
        {event, Side, disc_copies, [
            {type, bag}, {attributes, [client, at, kind, detail]}, {index, [kind]}
        ]},
        {calendar, Side, disc_copies, [{type, ordered_set}, {attributes, [key, title]}]},
        {queue, Side, ram_copies, [{type, ordered_set}, {attributes, [id, payload]}]},
        {document, min(Side, 5000), disc_only_copies, [
            {attributes, [id, title, body]}, {index, [title]}
        ]},
        {tag, min(Side, 2000), disc_only_copies, [
            {type, bag}, {attributes, [name, document, version]}
        ]},
        {metric, Side, fragmented, [{attributes, [id, value, labels]}]},
        {node_setting, 20, disc_copies, [{local_content, true}, {attributes, [key, value]}]},
        {quorum, 50, disc_copies, [
            {majority, true}, {load_order, 100}, {attributes, [id, state]}
        ]},
        {cache, min(Side, 1000), ram_copies, [{attributes, [id, value]}]},
        {vacant, 0, disc_copies, [{attributes, [id, value]}]}
    ].
