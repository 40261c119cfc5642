%% Changes that a test asks for, the same each time: rows by ID, content by seed, ID and version.
%% None of them changes the sums of the balances.
-module(erlmcp_sample_change).

-export([rows/4, create/4, delete/2]).

-define(BATCH, 1000).

-type operation() :: update | scatter | append | delete.

%% @param Options #{count, from, every, version}
%% @returns how many objects were written or keys deleted
-spec rows(operation(), mnesia | ets | dets, term(), map()) -> non_neg_integer().
rows(delete, _Component, Table, _Options) when
    Table =:= wallet; Table =:= erlmcp_tokens; Table =:= prefs
->
    throw({bad_request, <<"the rows of this table are kept: they hold balances">>});
rows(Operation, Component, Table, Options) ->
    Ids = ids(Operation, Component, Table, Options),
    Change =
        case Operation of
            delete -> delete;
            _ -> {put, maps:get(version, Options)}
        end,
    lists:sum([apply_to(Component, Table, Change, Batch) || Batch <- batches(Ids)]).

create(mnesia, Table, _Type, Rows) ->
    {atomic, ok} = mnesia:create_table(Table, [{disc_copies, [node()]}, {attributes, [id, text]}]),
    apply_to(mnesia, Table, {put, 0}, lists:seq(1, Rows)),
    ok;
create(ets, Table, Type, Rows) ->
    erlmcp_sample_ets:call({create, Table, [Type, protected], Rows});
create(dets, Table, Type, Rows) ->
    erlmcp_sample_dets:call({create, Table, Type, Rows}).

delete(mnesia, Table) ->
    {atomic, ok} = mnesia:delete_table(Table),
    ok;
delete(ets, Table) ->
    erlmcp_sample_ets:call({delete, Table});
delete(dets, Table) ->
    erlmcp_sample_dets:call({delete, Table}).

ids(append, Component, Table, #{count := Count}) ->
    Last = last_id(Component, Table),
    lists:seq(Last + 1, Last + Count);
ids(scatter, _Component, _Table, #{count := Count, from := From, every := Every}) ->
    [From + Index * Every || Index <- lists:seq(0, Count - 1)];
ids(_Operation, _Component, _Table, #{count := Count, from := From}) ->
    lists:seq(From, From + Count - 1).

%% Highest integer key; the number of rows where keys are no integers.
last_id(mnesia, Table) ->
    Keys = mnesia:activity(
        async_dirty, fun() -> mnesia:all_keys(Table) end, [], erlmcp_sample_mnesia:access_module(Table)
    ),
    lists:max([0 | [Key || Key <- Keys, is_integer(Key)]]);
last_id(Component, Table) ->
    owner_change(Component, Table, last_id).

apply_to(mnesia, Table, Change, Ids) ->
    mnesia:activity(
        transaction,
        fun() -> lists:sum([mnesia_row(Table, Change, Id) || Id <- Ids]) end,
        [],
        erlmcp_sample_mnesia:access_module(Table)
    );
apply_to(Component, Table, delete, Ids) ->
    owner_change(Component, Table, {delete, Ids});
apply_to(Component, Table, {put, Version}, Ids) ->
    owner_change(Component, Table, {put, Ids, Version}).

owner_change(ets, Table, Change) -> erlmcp_sample_ets:call({change, Table, Change});
owner_change(dets, Table, Change) -> erlmcp_sample_dets:call({change, Table, Change}).

%% A row with a balance keeps it; a new one starts with none; what a deleted one held goes to the
%% first wallet.
mnesia_row(Table, {put, Version}, Id) when Table =:= account; Table =:= wallet ->
    Balance =
        case mnesia:read(Table, Id, write) of
            [Old] -> element(4, Old);
            [] -> 0
        end,
    Row = erlmcp_sample_rows:record(Table, Id, Version),
    mnesia:write(setelement(4, Row, Balance)),
    1;
mnesia_row(Table, {put, Version}, Id) ->
    mnesia:write(Table, erlmcp_sample_rows:record(Table, Id, Version), write),
    1;
mnesia_row(account, delete, Id) ->
    case mnesia:read(account, Id, write) of
        [Old] ->
            [First] = mnesia:read(wallet, 1, write),
            mnesia:write(setelement(4, First, element(4, First) + element(4, Old))),
            mnesia:delete(account, Id, write),
            1;
        [] ->
            0
    end;
mnesia_row(Table, delete, Id) ->
    mnesia:delete(Table, element(2, erlmcp_sample_rows:record(Table, Id, 0)), write),
    1.

batches([]) -> [];
batches(Ids) when length(Ids) =< ?BATCH -> [Ids];
batches(Ids) ->
    {Batch, Rest} = lists:split(?BATCH, Ids),
    [Batch | batches(Rest)].
